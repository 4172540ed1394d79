using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Channels;

/// <summary>
/// Channel ids: <c>d.{hash of the two user ids}</c> for a direct channel (creating it twice is creating it once), <c>g.{home cell}.{hash of creator and requestId}</c>
/// for a group (a retried creation is one). The hash is 128 bits, written as 26 characters of Crockford base32.
/// </summary>
public static class ChannelId
{
    public static string ForDirect(string userId, string otherUserId)
    {
        var (first, second) = string.CompareOrdinal(userId, otherUserId) < 0 ? (userId, otherUserId) : (otherUserId, userId);
        return "d." + Hash($"direct\n{first}\n{second}");
    }

    public static string ForGroup(string homeCell, string creatorId, string requestId) => $"g.{homeCell}.{Hash($"group\n{creatorId}\n{requestId}")}";

    /// <summary>False for what can't be a channel id.</summary>
    public static bool TryGetType([NotNullWhen(true)] string? channelId, out ChannelType type)
    {
        type = ChannelType.Direct;
        if (channelId is null || channelId.Length < 28 || channelId.Length > 80 || channelId[1] != '.') return false;
        if (channelId[0] == 'd') return channelId.Length == 28 && Ulid.TryParse(channelId.AsSpan(2), out _);
        if (channelId[0] != 'g') return false;
        type = ChannelType.Group;
        var dot = channelId.LastIndexOf('.');
        return dot > 2 && Ulid.TryParse(channelId.AsSpan(dot + 1), out _);
    }

    /// <summary>The home cell that a group's id names.</summary>
    public static string HomeOfGroup(string groupId) => groupId[2..groupId.LastIndexOf('.')];

    private static string Hash(string text) => new Ulid(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16)).ToString();
}
