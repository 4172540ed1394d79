using Chat.Cells.Client.Events;
using Chat.Cells.Client.Sync;
using Chat.Cells.Client.Tests.Servers;
using Chat.Cells.Protocol;
using static Chat.Cells.Client.Tests.Servers.ClientFixture;

namespace Chat.Cells.Client.Tests;

/// <summary>Unread counts as the server tells them.</summary>
public sealed class UnreadTests : IAsyncLifetime
{
    private ScriptedServer server = null!;
    private ChatClient client = null!;
    private EventSubscription subscription = null!;
    private IAsyncEnumerator<ChatEvent> events = null!;

    public async Task InitializeAsync()
    {
        server = await ScriptedServer.StartAsync();
        client = new ChatClient(NewSession(), Options(server) with { CursorStore = new InMemoryCursorStore("1.0.0") });
        subscription = client.Subscribe();
        events = subscription.GetAsyncEnumerator();
    }

    public async Task DisposeAsync()
    {
        await events.DisposeAsync();
        subscription.Dispose();
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Frames_FirstThenChanges_AreTheCounts()
    {
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        Assert.False(client.Unread.IsKnown);

        await TellAsync(connection, all: true, ("a", 3, null), ("b", 100, Id(1)));
        Assert.Equal(["a 3", "b 99+"], (await NextAsync()).Order());
        Assert.True(client.Unread.IsKnown);
        Assert.Equal((103, true), client.Unread.Total);
        Assert.Equal(2, client.Unread.Snapshot().Count);

        await TellAsync(connection, all: false, ("a", 0, null), ("c", 1, null));
        Assert.Equal(["a 0", "c 1"], (await NextAsync()).Order());
        Assert.Equal(0, client.Unread.Of("a").Count);
        Assert.True(client.Unread.Of("b").Capped);
    }

    [Fact]
    public async Task Reconnected_ChannelReadMeanwhile_IsNoLongerCounted()
    {
        client.Start();
        var first = await server.AcceptSyncedAsync();
        await TellAsync(first, all: true, ("a", 3, null), ("b", 2, null));
        await NextAsync();

        client.DropConnection();
        var second = await server.AcceptSyncedAsync();
        await TellAsync(second, all: true, ("b", 2, null));

        Assert.Equal(["a 0"], await NextAsync());
        Assert.Equal((2, false), client.Unread.Total);
    }

    [Fact]
    public async Task MarkRead_BeforeTheServerKnows_CountsAtOnceAndOutlivesOlderCounts()
    {
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        for (var i = 1; i <= 3; i++) await connection.SendMessageAsync(Channel, Id(i), "m" + i, "1.0." + i);
        await TellAsync(connection, all: true, (Channel, 3, null));
        await NextAsync();

        client.MarkRead(Channel, Id(2)); // one is left: the server says how many
        Assert.Equal(3, client.Unread.Of(Channel).Count);
        client.MarkRead(Channel, Id(3));
        Assert.Equal(0, client.Unread.Of(Channel).Count);
        // The two may go as one, when both were read before the first was on its way.
        var read = await ReadReceiptAsync(connection);
        if (read == Id(2)) read = await ReadReceiptAsync(connection);
        Assert.Equal(Id(3), read);

        await TellAsync(connection, all: false, (Channel, 3, null), ("other", 1, null)); // counted before it was read
        Assert.Equal(["other 1"], await NextAsync());
        await TellAsync(connection, all: false, (Channel, 1, Id(2)), ("other", 2, null));
        Assert.Equal(["other 2"], await NextAsync());
        await TellAsync(connection, all: false, (Channel, 4, Id(3)));
        Assert.Equal([$"{Channel} 4"], await NextAsync());
    }

    [Fact]
    public async Task Frames_WithNonsense_AreTakenAsFarAsTheyMakeSense()
    {
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        await connection.SendAsync(FrameTypes.Unread, new { });
        await connection.SendAsync(FrameTypes.Unread, new { channels = new object?[] { null, new { count = 4 }, new { channelId = "x", count = -1 }, new { channelId = "y", count = 1 } } });
        Assert.Equal(["y 1"], await NextAsync());

        await connection.SendAsync(FrameTypes.Unread, new { channels = "none" }); // not this protocol: a new connection asks again
        await server.AcceptSyncedAsync();
        Assert.Equal(1, client.Unread.Of("y").Count);
    }

    private static async Task<string?> ReadReceiptAsync(ScriptedConnection connection) =>
        (string?)(await connection.ReceiveAsync(FrameTypes.ReadReceipt))["payload"]!["lastReadMessageId"];

    private async Task<IEnumerable<string>> NextAsync() => (await events.NextAsync<UnreadChanged>()).Changed.Select(c => $"{c.ChannelId} {c}");

    private static Task TellAsync(ScriptedConnection connection, bool all, params (string Channel, int Count, string? Pointer)[] channels) => connection.SendAsync(
        FrameTypes.Unread,
        new { channels = channels.Select(c => new { channelId = c.Channel, count = c.Count, capped = c.Count >= 100, lastReadMessageId = c.Pointer }), all });
}
