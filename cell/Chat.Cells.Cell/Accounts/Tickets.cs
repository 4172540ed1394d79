using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Accounts;

/// <summary>
/// One-use tickets for browsers, which can't send a header with a WebSocket: <c>{user id}.{secret}</c>, good for 30 s. Only a hash of it is kept.
/// </summary>
public sealed class Tickets(ICellState state, TimeProvider time)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);

    /// <summary>Makes a ticket that stands for this device until the access token's end.</summary>
    public async Task<(string Ticket, DateTimeOffset ExpiresAt)> CreateAsync(string userId, string deviceId, DateTimeOffset tokenExpiresAt, CancellationToken cancellationToken)
    {
        var ticket = $"{userId}.{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32))}";
        var value = string.Create(CultureInfo.InvariantCulture, $"{userId}|{deviceId}|{tokenExpiresAt.ToUnixTimeMilliseconds()}");
        await state.PutOnceAsync(Key(ticket), value, Lifetime, cancellationToken);
        return (ticket, time.GetUtcNow() + Lifetime);
    }

    /// <summary>Takes a ticket; null when it is unknown, used or expired.</summary>
    public async Task<(string UserId, string DeviceId, DateTimeOffset TokenExpiresAt)?> TakeAsync(string ticket, CancellationToken cancellationToken)
    {
        if (ticket.Length > 256 || await state.TakeOnceAsync(Key(ticket), cancellationToken) is not { } value) return null;
        var parts = value.Split('|');
        return (parts[0], parts[1], DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(parts[2], CultureInfo.InvariantCulture)));
    }

    /// <summary>The user id that a ticket names, whoever made it.</summary>
    public static string? UserOf(string ticket)
    {
        var dot = ticket.LastIndexOf('.');
        return dot > 0 && Topology.UserId.IsValid(ticket.AsSpan(0, dot)) ? ticket[..dot] : null;
    }

    private static string Key(string ticket) => "ticket:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ticket)));
}
