using Chat.Cells.Client.Events;
using Chat.Cells.Client.Sync;
using Chat.Cells.Client.Tests.Servers;
using Chat.Cells.Protocol;
using Microsoft.AspNetCore.Http;
using static Chat.Cells.Client.Tests.Servers.ClientFixture;

namespace Chat.Cells.Client.Tests;

/// <summary>Reads say how far into the inbox the device had shown, so that what comes late is not read by them.</summary>
public sealed class ReadCursorTests : IAsyncLifetime
{
    private ScriptedServer server = null!;
    private ChatClient client = null!;

    public async Task InitializeAsync()
    {
        server = await ScriptedServer.StartAsync();
        client = new ChatClient(NewSession(), Options(server) with { CursorStore = new InMemoryCursorStore("1.0.0") });
    }

    public async Task DisposeAsync()
    {
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task MarkRead_AfterOtherEvents_SaysTheLastThatWasShown()
    {
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        await connection.SendMessageAsync(Channel, Id(10), "one", "1.0.1");
        await connection.SendMessageAsync("d.other", Id(11), "two", "1.0.2");
        await Poll.UntilAsync(() => client.Timeline("d.other").Count == 1, "both are shown");

        client.MarkRead(Channel, Id(10));
        Assert.Equal((Id(10), "1.0.2"), await ReadAsync(connection));
        client.MarkRead("d.unheard-of", Id(12)); // whether the inbox has come that far isn't known
        Assert.Equal((Id(12), null), await ReadAsync(connection));
    }

    [Fact]
    public async Task MarkRead_WhileTheEventIsTold_CoversIt()
    {
        ChatClient? eager = null;
        var options = Options(server) with
        {
            CursorStore = new InMemoryCursorStore("1.0.0"),
            Handler = (told, _) =>
            {
                if (told is MessageReceived { Message: var message }) eager!.MarkRead(message.ChannelId, message.MessageId);
                return ValueTask.CompletedTask;
            },
        };
        eager = new ChatClient(NewSession(), options);
        await using var ended = eager;
        eager.Start();
        var connection = await server.AcceptSyncedAsync();
        await connection.SendMessageAsync(Channel, Id(10), "one", "1.0.7");
        Assert.Equal((Id(10), "1.0.7"), await ReadAsync(connection));
    }

    [Fact]
    public async Task MarkRead_OfALateMessage_RaisesTheCursorOfTheSamePointer()
    {
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        await ShowAsync(connection, (10, "1.0.1"), (30, "1.0.2"));
        client.MarkRead(Channel, Id(30));
        Assert.Equal((Id(30), "1.0.2"), await ReadAsync(connection));
        await connection.SendAsync(FrameTypes.Read, new { channelId = Channel, readUpTo = Id(30), readCursor = "1.0.2", eventId = Id(31), cursor = "1.0.3" });
        await ShowAsync(connection, (15, "1.0.4"), (25, "1.0.5"));
        await connection.SendAsync(FrameTypes.Unread, new { channels = new[] { new { channelId = Channel, count = 2, lastReadMessageId = Id(30) } }, all = true });
        await Poll.UntilAsync(() => client.Unread.Of(Channel).Count == 2, "both count");

        client.MarkRead(Channel, Id(15)); // 25 is still to be seen, above it: the pointer is there already
        Assert.Equal(2, client.Unread.Of(Channel).Count);
        client.MarkRead(Channel, Id(25));
        Assert.Equal(0, client.Unread.Of(Channel).Count);
        Assert.Equal((Id(30), "1.0.5"), await ReadAsync(connection));
        client.MarkRead(Channel, Id(30)); // no news
        await ShowAsync(connection, (40, "1.0.6"));
        client.MarkRead(Channel, Id(40));
        Assert.Equal((Id(40), "1.0.6"), await ReadAsync(connection));
    }

    [Fact]
    public async Task MarkRead_WhatTheServerStillCounts_IsToldAgain()
    {
        client.Start();
        var connection = await server.AcceptSyncedAsync();
        await ShowAsync(connection, (10, "1.0.1"));
        await connection.SendAsync(FrameTypes.Read, new { channelId = Channel, readUpTo = Id(10), eventId = Id(31), cursor = "1.0.3" }); // on another device
        await connection.SendAsync(FrameTypes.Unread, new { channels = new[] { new { channelId = Channel, count = 1, lastReadMessageId = Id(10) } }, all = true });
        await Poll.UntilAsync(() => client.Unread.Of(Channel).Count == 1, "it counts");
        client.MarkRead(Channel, Id(10));
        Assert.Equal((Id(10), "1.0.3"), await ReadAsync(connection));
        Assert.Equal(0, client.Unread.Of(Channel).Count);
    }

    [Fact]
    public async Task Reconnected_NotConfirmedWithItsCursor_IsToldAgainAsItWas()
    {
        client.Start();
        var first = await server.AcceptSyncedAsync();
        await ShowAsync(first, (10, "1.0.1"));
        client.MarkRead(Channel, Id(10));
        await ReadAsync(first);
        await first.SendAsync(FrameTypes.Read, new { channelId = Channel, readUpTo = Id(10), readCursor = "1.0.0", eventId = Id(31), cursor = "1.0.2" }); // another device's
        await ShowAsync(first, (5, "1.0.3"));
        client.DropConnection();

        var second = await server.AcceptSyncedAsync("1.0.3");
        Assert.Equal((Id(10), "1.0.1"), await ReadAsync(second)); // 5 was not read by it
        await second.SendAsync(FrameTypes.Read, new { channelId = Channel, readUpTo = Id(10), readCursor = "1.0.1", eventId = Id(32), cursor = "1.0.4" });
        await ShowAsync(second, (50, "1.0.5"));
        client.DropConnection();
        var third = await server.AcceptSyncedAsync("1.0.5");
        client.Send(Channel, "marker");
        await third.ReceiveAsync(FrameTypes.ChatMessage); // Throws when a read receipt came first.
    }

    [Fact]
    public async Task SyncReset_AReadThatWaits_GoesWithTheNewCursor()
    {
        client.Start();
        var first = await server.AcceptSyncedAsync();
        await ShowAsync(first, (10, "1.0.1"));
        client.MarkRead(Channel, Id(10));
        await ReadAsync(first);
        server.Http = context => context.Response.WriteAsJsonAsync(new { channels = Array.Empty<object>() });
        client.DropConnection();
        var second = await server.AcceptAsync();
        await second.ReceiveAsync(FrameTypes.Sync);
        await second.SendAsync(FrameTypes.SyncReset, new { cursor = "2.0.9" });
        await client.WaitUntilLiveAsync(default).WaitAsync(TimeSpan.FromSeconds(30));
        client.DropConnection();
        var third = await server.AcceptSyncedAsync("2.0.9");
        Assert.Equal((Id(10), "2.0.9"), await ReadAsync(third));
    }

    private async Task ShowAsync(ScriptedConnection connection, params (int Id, string Cursor)[] messages)
    {
        var before = client.Timeline(Channel).Count;
        foreach (var (id, cursor) in messages) await connection.SendMessageAsync(Channel, Id(id), "m" + id, cursor);
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == before + messages.Length, "they are shown");
    }

    private static async Task<(string? UpTo, string? Cursor)> ReadAsync(ScriptedConnection connection)
    {
        var payload = (await connection.ReceiveAsync(FrameTypes.ReadReceipt))["payload"]!;
        return ((string?)payload["lastReadMessageId"], (string?)payload["cursor"]);
    }
}
