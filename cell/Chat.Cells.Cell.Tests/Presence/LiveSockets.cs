using System.Text.Json.Nodes;
using Chat.Cells.Cell.Tests.Connections;

namespace Chat.Cells.Cell.Tests.Presence;

/// <summary>What clients say and see of presence and typing.</summary>
internal static class LiveSockets
{
    public static Task SubscribeAsync(this TestSocket socket, params string[] userIds) => socket.SendAsync("presence_subscribe", new { userIds }, "view");

    public static Task AwayAsync(this TestSocket socket) => socket.SendAsync("heartbeat", new { status = "away" });

    public static Task BackAsync(this TestSocket socket) => socket.SendAsync("heartbeat", new { status = "online" });

    public static Task TypeAsync(this TestSocket socket, string channelId, bool typing = true) => socket.SendAsync("typing", new { channelId, typing }, "type");

    /// <summary>The next presence of a user.</summary>
    public static async Task<Seen> SeesAsync(this TestSocket socket, string userId)
    {
        while (true)
        {
            var payload = await socket.PayloadAsync("presence");
            if ((string)payload["userId"]! == userId) return Seen.From(payload);
        }
    }

    /// <summary>The first presence of a user that is as wanted; those before it are passed over.</summary>
    public static async Task<Seen> SeesAsync(this TestSocket socket, string userId, string status, params string[] devices)
    {
        while (true)
        {
            var seen = await socket.SeesAsync(userId);
            if (seen.Status == status && seen.Devices == string.Join(',', devices)) return seen;
        }
    }

    /// <summary>The presences that have come and weren't asked for.</summary>
    public static IReadOnlyList<Seen> KeptPresence(this TestSocket socket) => [.. socket.Kept("presence").Select(f => Seen.From(f["payload"]!.AsObject()))];

    /// <summary>A goodbye.</summary>
    public static async Task LeaveAsync(this TestSocket socket)
    {
        await socket.Socket.CloseOutputAsync(System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
        await socket.ClosedAsync();
    }
}

internal sealed record Seen(string UserId, string Status, string Devices, long? LastActiveAt)
{
    public static Seen From(JsonObject payload) => new(
        (string)payload["userId"]!,
        (string)payload["status"]!,
        string.Join(',', payload["devices"]!.AsArray().Select(d => (string)d!)),
        (long?)payload["lastActiveAt"]);
}
