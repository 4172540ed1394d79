using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>Replays: a worker that dies writes some of its batches again, from its last commit on. The store must end as if each had been written once.</summary>
public abstract class StoreReplayContract : MessageStoreContract
{
    private const int Users = 3;
    private static readonly Config Few = Config.QuickThrowOnFailure.WithMaxTest(15);

    [Fact]
    public void JudgedBatches_ReplayedFromAnywhere_GiveTheSameState()
    {
        var cases = from replays in Gen.Choose(0, 5).ArrayOf(4) from count in Gen.Choose(1, 6) from seed in Gen.Choose(0, int.MaxValue - 1) select (replays, count, seed);
        Prop.ForAll(cases.ToArbitrary(), async run =>
        {
            var batches = RandomBatches(new Random(run.seed), run.count);
            var prefix = Ulid.NewUlid().ToString();
            var once = await ApplyAsync(batches, prefix + "a", []);
            var replayed = await ApplyAsync(batches, prefix + "b", run.replays);
            Assert.Equal(once, replayed);
        }).Check(Few);
    }

    [Fact]
    public void DeliveredBatches_ReplayedFromAnywhere_GiveTheSameState()
    {
        Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), async seed =>
        {
            var random = new Random(seed);
            var partition = random.Next(1_000_000, int.MaxValue);
            var user = User(0) + seed;
            var batches = Enumerable.Range(0, 5).Select(b => new DeliveredBatch(
                partition,
                [.. Enumerable.Range(0, random.Next(0, 5)).Select(i => new InboxRow(user + random.Next(Users), new InboxCursor(1, 2900 + b, (b * 10) + i), Content))],
                [new HighWaterMark(random.Next(2), (b * 10) + 9)])).ToList();
            foreach (var batch in batches) await Store.WriteDeliveredAsync(batch, default);
            var once = await InboxStateAsync(user, partition);

            foreach (var batch in batches[random.Next(batches.Count)..]) await Store.WriteDeliveredAsync(batch, default);

            Assert.Equal(once, await InboxStateAsync(user, partition));
        }).Check(Few);
    }

    private async Task<string> InboxStateAsync(string userPrefix, int partition)
    {
        var lines = new List<string>();
        for (var user = 0; user < Users; user++)
        {
            foreach (var row in await Store.ReadInboxAsync(userPrefix + user, InboxCursor.Start, 1000, default)) lines.Add($"{row.UserId} {row.Cursor}");
        }
        foreach (var mark in (await Store.LoadHighWaterAsync(partition, default)).OrderBy(mark => mark.Key)) lines.Add($"{mark.Key}={mark.Value}");
        return string.Join('\n', lines);
    }

    private List<JudgedBatch> RandomBatches(Random random, int count)
    {
        var offset = 0;
        var batches = new List<JudgedBatch>();
        for (var b = 0; b < count; b++)
        {
            var messages = new List<MessageRow>();
            var changes = new List<MessageChange>();
            var channels = new List<ChannelRow>();
            var receipts = new List<ReceiptRow>();
            var requests = new List<RequestRow>();
            for (var i = random.Next(1, 6); i > 0; i--, offset++)
            {
                switch (random.Next(5))
                {
                    case 0:
                        channels.Add(Group(offset + 1, offset, [.. Enumerable.Range(0, Users).Where(_ => random.Next(2) == 0)]));
                        break;
                    case 1:
                        receipts.Add(new ReceiptRow(Channel, User(random.Next(Users)), random.Next(2) == 0 ? null : Id(Now, random.Next(10)), random.Next(2) == 0 ? null : Id(Now, random.Next(10)), random.Next(2) == 0 ? null : new InboxCursor(1, random.Next(3), random.Next(10))));
                        break;
                    case 2:
                        changes.Add(Change(Id(Now, random.Next(10)), offset, deletion: random.Next(4) == 0) with { ChangedBy = User(random.Next(Users)) });
                        break;
                    default:
                        messages.Add(Message(Id(Now, offset), User(random.Next(Users)), offset));
                        requests.Add(new RequestRow(Channel, messages[^1].SenderId, $"r{random.Next(6)}", offset, messages[^1].MessageId, (ulong)offset, null, Now - 1000 + offset));
                        break;
                }
            }
            batches.Add(Judged(messages, channels, receipts, requests, changes));
        }
        return batches;
    }

    /// <summary>Writes all batches; after some of them goes back to an earlier one, as a restarted worker does. Returns the state as text.</summary>
    private async Task<string> ApplyAsync(List<JudgedBatch> batches, string suffix, int[] replays)
    {
        var next = 0;
        var crashes = new Queue<int>(replays);
        while (next < batches.Count)
        {
            await WriteAsync(Renamed(batches[next], suffix));
            next++;
            if (crashes.TryDequeue(out var back)) next = Math.Max(0, next - back);
        }
        var channel = Channel + suffix;
        var lines = new List<string>();
        foreach (var message in await Store.ReadHistoryAsync(channel, null, 1000, default)) lines.Add($"{message.MessageId} {message.SenderId} {message.ChannelVersion} {message.Change?.EventId}");
        for (var id = 0; id < 10; id++) lines.Add($"{(await Store.FindChangeAsync(channel, Id(Now, id), default))?.EventId}");
        foreach (var receipt in await Store.ReadReceiptsAsync(channel, default)) lines.Add($"{receipt.UserId} {receipt.DeliveredUpTo} {receipt.ReadUpTo}");
        if (await Store.FindChannelAsync(channel, default) is { } row) lines.Add($"{row.Version} {row.Position} {string.Join(' ', row.Members)}");
        for (var user = 0; user < Users; user++)
        {
            lines.Add($"{await Store.FindReadAsync(channel, User(user), default)}");
            lines.Add($"{user}: {(await Store.ListChannelsAsync(User(user), null, 10_000, default)).Contains(channel)}");
            for (var request = 0; request < 6; request++) lines.Add((await Store.FindRequestAsync(channel, User(user), $"r{request}", default))?.Position.ToString() ?? "-");
        }
        return string.Join('\n', lines);
    }

    private static JudgedBatch Renamed(JudgedBatch batch, string suffix) => batch with
    {
        Messages = [.. batch.Messages.Select(row => row with { ChannelId = row.ChannelId + suffix })],
        Changes = [.. batch.Changes.Select(row => row with { ChannelId = row.ChannelId + suffix })],
        Channels = [.. batch.Channels.Select(row => row with { ChannelId = row.ChannelId + suffix })],
        Receipts = [.. batch.Receipts.Select(row => row with { ChannelId = row.ChannelId + suffix })],
        Requests = [.. batch.Requests.Select(row => row with { ChannelId = row.ChannelId + suffix })],
    };
}
