using Chat.Cells.Client.Accounts;
using Chat.Cells.Client.Connections;
using Chat.Cells.Client.Events;

namespace Chat.Cells.Client.Tests.Servers;

/// <summary>Clients with short times, and waiting on conditions.</summary>
internal static class ClientFixture
{
    public const string User = "eu.me";
    public const string Channel = "d.00000000000000000000000001";

    public static Session NewSession(string token = "token-1", TimeSpan? life = null) =>
        new(User, "me@eu", "Me", "device-1", token, DateTimeOffset.UtcNow.Add(life ?? TimeSpan.FromHours(1)).ToUnixTimeMilliseconds(), "refresh-1");

    public static ChatClientOptions Options(ScriptedServer server) => new()
    {
        Endpoint = server.Url,
        ReconnectBase = TimeSpan.FromMilliseconds(20),
        ReconnectCap = TimeSpan.FromMilliseconds(200),
        DefaultRetryAfter = TimeSpan.FromMilliseconds(20),
        DeliveredDelay = TimeSpan.FromMilliseconds(20),
    };

    public static string Id(int n) => $"01J{n:D23}";

    public static async Task<T> NextAsync<T>(this IAsyncEnumerator<ChatEvent> events)
        where T : ChatEvent
    {
        while (await events.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30)))
        {
            if (events.Current is T wanted) return wanted;
        }
        throw new InvalidOperationException($"The events ended before a {typeof(T).Name}.");
    }

    /// <summary>The next time the client tells how its connection ended.</summary>
    public static async Task<ConnectionChanged> NextEndAsync(this IAsyncEnumerator<ChatEvent> events)
    {
        while (true)
        {
            var changed = await events.NextAsync<ConnectionChanged>();
            if (changed.State == ConnectionState.Waiting) return changed;
        }
    }
}
