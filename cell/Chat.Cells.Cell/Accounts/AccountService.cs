using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Http;
using Chat.Cells.Cell.Limits;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Accounts;

/// <summary>Sign-up, login, refresh, devices. Every refusal is an <see cref="AccountException"/>.</summary>
public sealed partial class AccountService(
    CellIdentity identity,
    IAccountStore accounts,
    RateLimits limits,
    PasswordHasher passwords,
    TokenIssuer tokens,
    HandleClaims handles,
    SecretsFolder secrets,
    DeviceRevocations revocations,
    TimeProvider time,
    ILogger<AccountService> logger)
{
    private const int LoginBurst = 10;
    private const double LoginsPerSecond = 10 / 60.0;
    private const int HandleBurst = 100;
    private const double HandleLoginsPerSecond = 1;
    private const int SignUpBurst = 200;
    private const double SignUpsPerSecond = 50;

    public async Task<SessionDocument> SignUpAsync(string region, SignUpRequest request, string address, CancellationToken cancellationToken)
    {
        if (region != identity.Region) throw new AccountException(404, ErrorCodes.NotFound, $"This cell is of region {identity.Region}.");
        if (!Handle.TryNormalizeName(request.Handle, out var name))
            throw Bad("handle: 2 to 31 characters of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.");
        CheckPassword(request.Password);
        var displayName = Line(request.DisplayName, "displayName", 64) ?? name;
        CheckDevice(request.Device);
        await LimitAsync($"signup:{address}", SignUpBurst, SignUpsPerSecond, cancellationToken);

        var handle = new Handle(name, region);
        if (await accounts.FindHandleAsync(handle.ToString(), cancellationToken) is not null) throw Taken(handle);
        var hash = await passwords.HashAsync(request.Password, cancellationToken);
        var now = time.GetUtcNow();
        var userId = UserId.Create(identity.Cell, Ulid.NewUlid(now));
        if (!await handles.ClaimAsync(handle, userId, cancellationToken)) throw Taken(handle);
        var account = new AccountRow(userId, handle.ToString(), displayName, hash, Inbox.InboxCursor.InitialEpoch, now.ToUnixTimeMilliseconds());
        if (!await accounts.CreateAccountAsync(account, cancellationToken)) throw new AccountException(503, ErrorCodes.Retry, "The user id was taken. Try again.");
        LogSignedUp(userId);
        return await CreateSessionAsync(account, request.Device, cancellationToken);
    }

    /// <summary>The user that holds a handle here; null for an unknown one.</summary>
    public ValueTask<string?> FindHandleAsync(string handle, CancellationToken cancellationToken) =>
        Handle.TryParse(handle, out var parsed) ? accounts.FindHandleAsync(parsed.ToString(), cancellationToken) : ValueTask.FromResult<string?>(null);

    /// <summary>Logs in; <paramref name="userId"/> null (an unknown handle) does the same work and is refused the same way.</summary>
    /// <param name="limitKey">The handle or user id as asked for: attempts are limited by it, and by it together with the address.</param>
    public async Task<SessionDocument> LogInAsync(string? userId, string limitKey, LoginRequest request, string address, CancellationToken cancellationToken)
    {
        CheckDevice(request.Device);
        if (request.Password is null || request.Password.Length > 128) throw WrongPassword();
        await LimitAsync($"login:{limitKey}:{address}", LoginBurst, LoginsPerSecond, cancellationToken);
        await LimitAsync($"login:{limitKey}", HandleBurst, HandleLoginsPerSecond, cancellationToken);
        var account = userId is null ? null : await accounts.FindAccountAsync(userId, cancellationToken);
        if (!await passwords.VerifyAsync(request.Password, account?.PasswordHash, cancellationToken) || account is null)
        {
            LogLoginRefused();
            throw WrongPassword();
        }
        return await CreateSessionAsync(account, request.Device, cancellationToken);
    }

    public async Task<SessionDocument> RefreshAsync(string userId, string? refreshToken, CancellationToken cancellationToken)
    {
        if (RefreshToken.Parse(refreshToken, userId, secrets.Current.ReuseKey) is not { } used) throw WrongRefreshToken();
        if (await accounts.FindAccountAsync(userId, cancellationToken) is not { } account) throw WrongRefreshToken();
        var now = time.GetUtcNow();
        var next = used.Next(now);
        if (await accounts.RotateRefreshAsync(userId, used.DeviceId, used.Stored, next.Stored, cancellationToken)) return Session(account, used.DeviceId, next.Text);
        if (await accounts.FindDeviceAsync(userId, used.DeviceId, cancellationToken) is not { } device) throw WrongRefreshToken();
        if (used.NextIfStored(device.RefreshHash, now) is { } again) return Session(account, used.DeviceId, again.Text);
        if (used.IssuedHere)
        {
            LogReuse(userId, used.DeviceId);
            await RemoveDeviceAsync(userId, used.DeviceId, cancellationToken);
        }
        throw WrongRefreshToken();
    }

    public async Task RemoveDeviceAsync(string userId, string deviceId, CancellationToken cancellationToken)
    {
        await accounts.RemoveDeviceAsync(userId, deviceId, cancellationToken);
        await revocations.RevokeAsync(userId, deviceId, cancellationToken);
    }

    private async Task<SessionDocument> CreateSessionAsync(AccountRow account, DeviceDocument device, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var deviceId = Ulid.NewUlid(now).ToString();
        var token = RefreshToken.Create(account.UserId, deviceId, secrets.Current.ReuseKey, now);
        var at = now.ToUnixTimeMilliseconds();
        await accounts.PutDeviceAsync(
            new DeviceRow(account.UserId, deviceId, Line(device.Name, "device.name", 64) ?? "device", Line(device.Kind, "device.kind", 16) ?? "other", token.Stored, at, at), cancellationToken);
        return Session(account, deviceId, token.Text);
    }

    private SessionDocument Session(AccountRow account, string deviceId, string refreshToken)
    {
        var (accessToken, expiresAt) = tokens.Issue(account.UserId, deviceId);
        return new SessionDocument(account.UserId, account.Handle, account.DisplayName, deviceId, accessToken, expiresAt.ToUnixTimeMilliseconds(), refreshToken);
    }

    private async Task LimitAsync(string bucket, int capacity, double perSecond, CancellationToken cancellationToken)
    {
        var wait = await limits.TakeAsync(bucket, capacity, perSecond, cancellationToken);
        if (wait > TimeSpan.Zero) throw new RateLimitedException(wait);
    }

    private static void CheckPassword(string? password)
    {
        if (password is null || password.Length is < 8 or > 128) throw Bad("password: 8 to 128 characters.");
    }

    private static void CheckDevice(DeviceDocument? device)
    {
        if (device is null) throw Bad("device: {name, kind} is missing.");
    }

    private static string? Line(string? text, string field, int max)
    {
        if (string.IsNullOrWhiteSpace(text)) return null;
        var trimmed = text.Trim();
        if (trimmed.Length > max || trimmed.Any(char.IsControl)) throw Bad($"{field}: at most {max} characters, and no control characters.");
        return trimmed;
    }

    private static AccountException Bad(string message) => new(400, ErrorCodes.BadRequest, message);
    private static AccountException Taken(Handle handle) => new(409, ErrorCodes.HandleTaken, $"{handle} is taken.");
    private static AccountException WrongPassword() => new(401, ErrorCodes.Unauthorized, "The handle or the password is wrong.");
    private static AccountException WrongRefreshToken() => new(401, ErrorCodes.Unauthorized, "The refresh token is not valid; log in again.");

    [LoggerMessage(210, LogLevel.Information, "{UserId} signed up.")]
    private partial void LogSignedUp(string userId);

    [LoggerMessage(211, LogLevel.Information, "A login was refused.")]
    private partial void LogLoginRefused();

    [LoggerMessage(212, LogLevel.Warning, "A used refresh token of {UserId}, device {DeviceId}, was presented again; the device is revoked.")]
    private partial void LogReuse(string userId, string deviceId);
}

/// <summary>Too many attempts.</summary>
public sealed class RateLimitedException(TimeSpan retryAfter) : Exception("Too many attempts; wait before the next one.")
{
    public TimeSpan RetryAfter { get; } = retryAfter;
}
