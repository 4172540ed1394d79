using Chat.Cells.Client;
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
        await using var cleo = await cluster.NewUserAsync(cluster.Regions.Second);
        await using var dan = await cluster.NewUserAsync(cluster.Regions.First);
        ChatClient[] speakers = [anna, cleo, dan];
        var session = await cluster.SignUpAsync(cluster.Regions.Second);
        var cursor = new InMemoryCursorStore();
        string group;
        await using (var before = await LiveAsync(cluster.NewClient(session, o => o with { CursorStore = cursor })))
        {
            group = (await anna.Api.CreateGroupAsync("Team", [cleo.UserId, dan.UserId, session.UserId], default)).ChannelId;
            Assert.True((await anna.SendAsync(group, "while online", null, default)).IsAccepted);
            await ShowsAsync(before, group, "while online");
            await Poll.UntilAsync(() => cursor.Current is not null, "the cursor is kept");
        }
        await Poll.UntilAsync(() => speakers.All(s => s.Channels.Any(c => c.ChannelId == group)), "everyone knows the group");
        // More than one batch of what was missed, within the rate limit of each speaker.
        const int each = 45;
        var sends = speakers.SelectMany((speaker, s) => Enumerable.Range(0, each).Select(i => speaker.Send(group, $"{s} {i}"))).ToArray();
        await Task.WhenAll(sends.Select(s => s.Outcome)).WaitAsync(TimeSpan.FromSeconds(60));
        var resets = 0;
        var shown = new List<string>();
        await using var after = await LiveAsync(cluster.NewClient(session, o => o with
        {
            CursorStore = cursor,
            Handler = (e, _) =>
            {
                if (e is Synced { Reset: true }) resets++;
                if (e is MessageReceived received) shown.Add(received.Message.Content);
                return ValueTask.CompletedTask;
            },
        }));
        await Poll.UntilAsync(() => after.Timeline(group).Count >= each * speakers.Length, "everything missed is shown");
        var missed = shown.Where(c => c != "while online").ToArray();
        Assert.Equal(each * speakers.Length, missed.Distinct().Count());
        Assert.Equal(missed.Length, missed.Distinct().Count());
        for (var s = 0; s < speakers.Length; s++)
        {
            var own = after.Timeline(group).Snapshot().Select(m => m.Content).Where(c => c.StartsWith($"{s} ", StringComparison.Ordinal));
            Assert.Equal(Enumerable.Range(0, each).Select(i => $"{s} {i}"), own);
        }
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
        await Poll.UntilAsync(() => ben.Timeline(channel).Count == 23, "ben is shown everything");
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
