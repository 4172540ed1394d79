using Chat.Cells.Client.Events;
using Chat.Cells.Client.Sync;
using Chat.Cells.E2E.Tests.Clusters;
using static Chat.Cells.E2E.Tests.Clusters.ClusterFixture;

namespace Chat.Cells.E2E.Tests;

[Collection(ClusterCollection.Name)]
public sealed class SyncTests(ClusterFixture cluster)
{
    [Fact]
    public async Task Device_OfflineForAWhile_GetsWhatItMissedByItsCursor()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        var session = await cluster.SignUpAsync(cluster.Regions.Second);
        var cursor = new InMemoryCursorStore();
        string channel;
        await using (var before = await LiveAsync(cluster.NewClient(session, o => o with { CursorStore = cursor })))
        {
            channel = (await anna.Api.CreateDirectAsync(before.UserId, default)).ChannelId;
            Assert.True((await anna.SendAsync(channel, "while online", null, default)).IsAccepted);
            await ShowsAsync(before, channel, "while online");
            await UntilAsync(() => cursor.Current is not null, "the cursor is kept");
        }
        var missed = Enumerable.Range(0, 250).Select(i => $"missed {i}").ToArray();
        var sends = missed.Select(text => anna.Send(channel, text)).ToArray();
        await Task.WhenAll(sends.Select(s => s.Outcome)).WaitAsync(TimeSpan.FromSeconds(60));
        var resets = 0;
        await using var after = await LiveAsync(cluster.NewClient(session, o => o with
        {
            CursorStore = cursor,
            Handler = (e, _) =>
            {
                if (e is Synced { Reset: true }) resets++;
                return ValueTask.CompletedTask;
            },
        }));
        await UntilAsync(() => after.Timeline(channel).Count >= missed.Length, "everything missed is shown");
        Assert.Equal(missed, after.Timeline(channel).Snapshot().Select(m => m.Content).Where(c => c != "while online"));
        Assert.Equal(0, resets);
    }

    [Fact]
    public async Task Device_New_GetsChannelsAndHistory()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        var session = await cluster.SignUpAsync(cluster.Regions.Second);
        await using var first = await LiveAsync(cluster.NewClient(session));
        var channel = (await anna.Api.CreateDirectAsync(session.UserId, default)).ChannelId;
        for (var i = 0; i < 5; i++) Assert.True((await anna.SendAsync(channel, $"{i}", null, default)).IsAccepted);
        await ShowsAsync(first, channel, "0", "1", "2", "3", "4");
        await using var second = await LiveAsync(cluster.NewClient(await cluster.LogInAsync(session.Handle)));
        await ShowsAsync(second, channel, "0", "1", "2", "3", "4");
        await second.SendAsync(channel, "from the new device", null, default);
        await ShowsAsync(first, channel, "0", "1", "2", "3", "4", "from the new device");
    }

    [Fact]
    public async Task History_Paged_IsCompleteNewestFirst()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(cluster.Regions.Second);
        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
        var sends = Enumerable.Range(0, 23).Select(i => anna.Send(channel, $"{i}")).ToArray();
        await Task.WhenAll(sends.Select(s => s.Outcome)).WaitAsync(TimeSpan.FromSeconds(60));
        await UntilAsync(() => ben.Timeline(channel).Count == 23, "ben is shown everything");
        foreach (var reader in new[] { anna, ben })
        {
            var texts = new List<string>();
            string? before = null;
            var pages = 0;
            do
            {
                var (messages, next) = await reader.Api.GetHistoryPageAsync(channel, before, 10, default);
                texts.AddRange(messages.Select(m => m.Content));
                before = next;
                pages++;
            }
            while (before is not null && pages < 10);
            Assert.Equal(Enumerable.Range(0, 23).Reverse().Select(i => $"{i}"), texts);
        }
    }

    [Fact]
    public async Task Receipts_DeliveredAndRead_ReachTheSenderAcrossCells()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(cluster.Regions.Second);
        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
        using var subscription = anna.Subscribe();
        var sent = await anna.SendAsync(channel, "did you get it?", null, default);
        await ShowsAsync(ben, channel, "did you get it?");
        ben.MarkRead(channel, sent.MessageId!);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var (delivered, read) = (false, false);
        await foreach (var e in subscription.WithCancellation(timeout.Token))
        {
            if (e is not ReceiptReceived receipt || receipt.UserId != ben.UserId) continue;
            delivered |= receipt.DeliveredUpTo == sent.MessageId;
            read |= receipt.ReadUpTo == sent.MessageId;
            if (read && delivered) break;
        }
        var stored = (await anna.Api.GetReceiptsAsync(channel, default)).Single(r => r.UserId == ben.UserId);
        Assert.Equal(sent.MessageId, stored.ReadUpTo);
    }

    [Fact]
    public async Task Read_OnOneDevice_ReachesTheOther()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        var session = await cluster.SignUpAsync(cluster.Regions.Second);
        await using var phone = await LiveAsync(cluster.NewClient(session));
        await using var laptop = await LiveAsync(cluster.NewClient(await cluster.LogInAsync(session.Handle)));
        using var subscription = laptop.Subscribe();
        var channel = (await anna.Api.CreateDirectAsync(session.UserId, default)).ChannelId;
        var sent = await anna.SendAsync(channel, "read me", null, default);
        await ShowsAsync(phone, channel, "read me");
        phone.MarkRead(channel, sent.MessageId!);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await foreach (var e in subscription.WithCancellation(timeout.Token))
        {
            if (e is ReadElsewhere read && read.ReadUpTo == sent.MessageId) return;
        }
        Assert.Fail("The other device was not told.");
    }
}
