using System.Text;

namespace Chat.Cells.Client.Accounts;

/// <summary>A device's signed-in session. Keep it secret and keep it: a lost refresh token means logging in again.</summary>
/// <param name="Handle">With its region: <c>anna@eu-west</c>.</param>
/// <param name="ExpiresAt">The access token's end, Unix ms.</param>
public sealed record Session(string UserId, string Handle, string DisplayName, string DeviceId, string AccessToken, long ExpiresAt, string RefreshToken)
{
    private bool PrintMembers(StringBuilder builder)
    {
        builder.Append(nameof(UserId)).Append(" = ").Append(UserId).Append(", ").Append(nameof(DeviceId)).Append(" = ").Append(DeviceId);
        return true;
    }
}

/// <param name="Name">For people: <c>Anna's phone</c>.</param>
/// <param name="Kind"><c>phone</c>, <c>desktop</c>, <c>web</c>.</param>
public sealed record DeviceInfo(string Name, string Kind);

/// <summary>A user as others see them.</summary>
public sealed record Profile(string UserId, string Handle, string DisplayName);
