using System.Text;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.Protocol;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Bridging;

/// <summary>Edits and deletions whose messages, actors and members live in two cells.</summary>
public sealed class ChangesAcrossCellsTests
{
    private static readonly string[] Members = [Say.Anna, Say.Ben, Say.Xena, Say.Yuri];

    private readonly TwoCells cells = new();

    [Fact]
    public async Task EditAndDelete_AcrossCells_ReachEveryInboxOnceAndBothStoresAgree()
    {
        await GroupAsync();
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        cells.B.Add(Say.Send(Say.Group, Say.Xena, "m2", version: 2));
        await cells.SettleAsync();
        var (first, second) = (IdOf(cells.A, "m1"), IdOf(cells.B, "m2"));
        cells.A.Add(Say.Edit(Say.Group, Say.Anna, "e1", first, "better"));
        cells.A.Add(Say.Delete(Say.Group, Say.Anna, "owner deletes", second));
        cells.B.Add(Say.Delete(Say.Group, Say.Yuri, "member deletes", first));
        await cells.SettleAsync();
        cells.B.Add(Say.Delete(Say.Group, Say.Xena, "admin deletes", first));
        await cells.SettleAsync();

        foreach (var user in Members)
        {
            Assert.Equal(3, cells.Of(user).InboxOf(user).Where(e => e.Kind == InboxKind.MessageChanged).Select(e => e.EventId).Distinct().Count());
            Assert.Equal(3, cells.Of(user).InboxOf(user).Count(e => e.Kind == InboxKind.MessageChanged));
        }
        Assert.Equal(ErrorCodes.Forbidden, Verdicts(cells.B, "member deletes").Single().ErrorCode);
        Assert.Equal(cells.A.Store.Changes.Values.Select(RandomLog.Text), cells.B.Store.Changes.Values.Select(RandomLog.Text));
        Assert.Equal([true, true], cells.A.Store.Changes.Values.Select(c => c.IsDeletion));
    }

    [Fact]
    public async Task Change_BeforeItsMessage_IsKeptAndShownWithIt()
    {
        await GroupAsync();
        var message = MessageId.Create(cells.A.Log.Now, 1, 77, 5);
        var (change, sent) = (Deletion(message, Say.Ben, Say.Anna), Message(message, Say.Ben));
        await CarriedAsync(change);
        Assert.Equal(InboxKind.MessageChanged, cells.B.InboxOf(Say.Xena)[^1].Kind);
        Assert.Empty(await cells.B.Store.ReadHistoryAsync(Say.Group, null, 10, default));

        await cells.B.Store.WriteJudgedAsync(new JudgedBatch(null, 0, [sent], [], [], [], []), default);
        Assert.True(Assert.Single(await cells.B.Store.ReadHistoryAsync(Say.Group, null, 10, default)).Change!.IsDeletion);
    }

    [Fact]
    public async Task Change_ThatNamesAnotherSenderThanTheMessageHas_GoesToDeadAndTheRestGoesOn()
    {
        await GroupAsync();
        cells.B.Add(Say.Send(Say.Group, Say.Xena, "m1", version: 2));
        await cells.SettleAsync();
        var message = IdOf(cells.B, "m1");
        var before = cells.B.InboxOf(Say.Xena).Count;
        await CarriedAsync(new BridgedChange(Say.Group, message, default, Say.Anna, Say.Anna, false, "text", "forged"u8.ToArray(), 1, [Say.Xena]));
        await CarriedAsync(Deletion(message, Say.Xena, Say.Anna));

        var dead = DeadLetter.Decode(Assert.Single(cells.B.Log.Records(new TopicPartition(Topics.Dead, 0))).Value);
        Assert.Contains("sent by another", dead.Reason, StringComparison.Ordinal);
        Assert.True(cells.B.Store.Changes[(Say.Group, message)].IsDeletion);
        Assert.Equal(before + 1, cells.B.InboxOf(Say.Xena).Count);
    }

    [Fact]
    public async Task Edit_ReplayedAfterADeletionCameFromElsewhere_IsDecidedAsItWasTold()
    {
        await GroupAsync();
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cells.SettleAsync();
        var message = IdOf(cells.A, "m1");
        var commit = cells.A.Log.Committed(FanOutRole.Group, TestCell.JudgedPartitions[1]);
        cells.A.Add(Say.Edit(Say.Group, Say.Anna, "e1", message));
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "m2"));
        await cells.A.JudgeAllAsync();
        var told = cells.A.State.Verdicts.ToList();
        cells.B.Add(Say.Delete(Say.Group, Say.Xena, "d1", message));
        await cells.B.RunAllAsync();
        await TwoCells.CarryAsync(cells.B, cells.A, 100);
        await cells.A.ServeAllAsync("b");
        Assert.True(cells.A.Store.Changes[(Say.Group, message)].IsDeletion);

        cells.A.Log.SetCommitted(FanOutRole.Group, TestCell.JudgedPartitions[1], commit);
        await cells.SettleAsync();

        Assert.Equal(told.Distinct(), cells.A.State.Verdicts.Distinct());
        foreach (var user in Members) AssertSees(cells.Of(user), user);
    }

    [Fact]
    public async Task Change_RefusedForItsMessageWasNotThere_IsRefusedAtAReplayAlthoughItCame()
    {
        await GroupAsync();
        var message = MessageId.Create(cells.A.Log.Now + 60_000, 2, 77, 5); // by a clock that is ahead: the ids behind it must not move
        cells.A.Add(Say.Delete(Say.Group, Say.Anna, "d1", message));
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cells.A.JudgeAllAsync();
        var told = cells.A.State.Verdicts.ToList();
        Assert.Equal(ErrorCodes.UnknownMessage, Verdicts(cells.A, "d1").Single().ErrorCode);

        await cells.A.Store.WriteJudgedAsync(new JudgedBatch(null, 0, [Message(message, Say.Xena)], [], [], [], []), default);
        cells.A.Log.SetCommitted(FanOutRole.Group, TestCell.JudgedPartitions[1], null);
        await cells.A.RunAllAsync();

        Assert.Equal(told.Distinct(), cells.A.State.Verdicts.Distinct());
        Assert.Empty(cells.A.Store.Changes);
    }

    [Fact]
    public async Task Ids_BehindAChangeWhoseRequestWasNotStored_StayTheSameHoweverItIsDecided()
    {
        await GroupAsync();
        var message = MessageId.Create(cells.A.Log.Now, 2, 77, 5);
        var commit = cells.A.Log.Committed(FanOutRole.Group, TestCell.JudgedPartitions[1]);
        cells.A.Log.Now += 900;
        cells.A.Add(Say.Delete(Say.Group, Say.Anna, "d1", message));
        cells.A.Log.Now -= 700; // the ids go on from the higher time
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cells.A.JudgeAllAsync();
        var id = IdOf(cells.A, "m1");

        foreach (var key in cells.A.Store.Requests.Keys.Where(k => k.Request is "d1" or "m1").ToList()) cells.A.Store.Requests.Remove(key);
        await cells.A.Store.WriteJudgedAsync(new JudgedBatch(null, 0, [Message(message, Say.Xena)], [], [], [], []), default);
        cells.A.Log.SetCommitted(FanOutRole.Group, TestCell.JudgedPartitions[1], commit);
        await cells.A.RunAllAsync();

        Assert.Null(Verdicts(cells.A, "d1")[^1].ErrorCode);
        Assert.Equal([id], Verdicts(cells.A, "m1").Select(v => v.MessageId!.Value).Distinct());
        Assert.Equal([message, id], cells.A.Store.Messages.Keys.Select(k => k.Id));
    }

    /// <summary>
    /// Whatever is changed in both cells at once, whenever bridges carry and wherever both crash: the stores agree, each device that takes its inbox ends with what the store
    /// has, nobody is told twice, and no request gets two verdicts.
    /// </summary>
    [Fact]
    public void Changes_InBothCellsWithCrashes_EndTheSameEverywhere() =>
        Prop.ForAll<Op[]>(async ops =>
        {
            var pair = new TwoCells();
            await GroupAsync(pair);
            for (var i = 0; i < 3; i++)
            {
                pair.A.Add(Say.Send(Say.Group, Members[i % 2], "a" + i));
                pair.B.Add(Say.Send(Say.Group, Members[2 + (i % 2)], "b" + i, version: 2));
            }
            await pair.SettleAsync();
            var messages = pair.A.Store.Messages.Values.ToList();
            foreach (var op in ops) await StepAsync(pair, op, messages);
            await pair.SettleAsync();

            Assert.Equal(pair.A.Store.Changes.Values.Select(RandomLog.Text), pair.B.Store.Changes.Values.Select(RandomLog.Text));
            foreach (var user in Members) AssertSees(pair.Of(user), user);
            foreach (var verdicts in new[] { pair.A, pair.B }.SelectMany(c => c.State.Verdicts).GroupBy(v => (v.UserId, v.RequestId))) Assert.Single(verdicts.Distinct());
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100));

    private static async Task StepAsync(TwoCells pair, Op op, List<MessageRow> messages)
    {
        var message = messages[op.Detail % messages.Count];
        var user = op.Request % 2 == 0 ? message.SenderId : Members[op.User % Members.Length];
        var cell = pair.Of(user);
        cell.Log.Now += op.Detail % 5 == 0 ? -700 : 11;
        var request = $"c{op.Kind}-{op.Detail}-{op.Request}-{op.User}";
        cell.Add(op.User % 3 == 0 ? Say.Delete(Say.Group, user, request, message.MessageId) : Say.Edit(Say.Group, user, request, message.MessageId));
        cell.Faults.CrashBefore(op.Kind % 12);
        try
        {
            switch (op.Channel % 4)
            {
                case 0:
                    await (await Worker.StartAsync(cell.Log, FanOutRole.Group, TestCell.JudgedPartitions[1], cell.FanOut())).StepAsync(1 + (op.User % 4));
                    break;
                case 1:
                    await TwoCells.CarryAsync(cell == pair.A ? pair.B : pair.A, cell, 1 + (op.User % 4), 1);
                    break;
                case 2:
                    await cell.ServeAllAsync(cell == pair.A ? "b" : "a", 1 + (op.User % 4));
                    break;
                default:
                    await cell.DeliverAllAsync(1 + (op.User % 4));
                    break;
            }
        }
        catch (CrashException)
        {
            cell.Faults.Restart();
        }
        cell.Faults.Restart();
    }

    private static void AssertSees(TestCell cell, string user)
    {
        var events = cell.InboxOf(user).Where(e => e.Kind == InboxKind.MessageChanged).ToList();
        Assert.Equal(events.Count, events.Select(e => e.EventId).Distinct().Count());
        var seen = new SortedDictionary<string, (bool Deleted, string EventId)>(StringComparer.Ordinal);
        foreach (var changed in events)
        {
            using var json = System.Text.Json.JsonDocument.Parse("{" + Encoding.UTF8.GetString(changed.Payload.Span) + "}");
            var message = json.RootElement.GetProperty("messageId").GetString()!;
            var next = (json.RootElement.TryGetProperty("deleted", out _), changed.EventId.ToString());
            if (!seen.TryGetValue(message, out var kept) || next.CompareTo(kept) > 0) seen[message] = next;
        }
        Assert.Equal(cell.Store.Changes.Values.Select(c => $"{c.MessageId} {c.IsDeletion} {c.EventId}"), seen.Select(s => $"{s.Key} {s.Value.Deleted} {s.Value.EventId}"));
    }

    private Task GroupAsync() => GroupAsync(cells);

    private static async Task GroupAsync(TwoCells pair)
    {
        pair.A.Add(Say.CreateGroup(Say.Ben, Say.Xena, Say.Yuri));
        pair.A.Add(Say.Command(Say.Group, Say.Anna, "promote", ChannelCommand.SetRole, MemberRole.Admin, Say.Xena));
        await pair.SettleAsync();
    }

    /// <summary>As a's bridge would bring it, at a position of its own.</summary>
    private async Task CarriedAsync(BridgedChange change)
    {
        var key = Encoding.UTF8.GetBytes(Say.Group);
        var lane = new TopicPartition(Topics.BridgeTo("b"), KeyPartitioner.PartitionFor(key, TestCell.Topics.Bridge));
        var partition = Topics.LogPartition(new TopicPartition(Topics.GroupMessages, 0));
        var offset = 1_000 + cells.A.Log.Records(lane).Count;
        var placed = change with { EventId = MessageId.Create(cells.A.Log.Now, 1, partition, offset) };
        cells.A.Log.Add(lane, key, BridgeRecord.Encode(new BridgeRecord(1, partition, offset, 0, placed)));
        await TwoCells.CarryAsync(cells.A, cells.B, 100);
        await cells.B.ServeAllAsync("a");
        await cells.B.DeliverAllAsync();
    }

    private static BridgedChange Deletion(Ulid message, string sender, string by) => new(Say.Group, message, default, sender, by, true, "", default, 1, [Say.Xena]);

    private static MessageRow Message(Ulid id, string sender) => new(Say.Group, id, sender, "text", "late"u8.ToArray(), null, 1);

    private static Ulid IdOf(TestCell cell, string request) => Verdicts(cell, request)[0].MessageId!.Value;

    private static List<Verdict> Verdicts(TestCell cell, string request) => [.. cell.State.Verdicts.Where(v => v.RequestId == request)];
}
