using System.Text;
using System.Text.Json;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Messaging;

public sealed class FanOutTests
{
    private readonly TestCell cell = new();

    [Fact]
    public async Task Send_FromMember_IsStoredDeliveredAndAcked()
    {
        cell.Add(Say.CreateGroup(Say.Ben, Say.Xena));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1", "héllo \"you\" 🎉"));
        await cell.RunAllAsync();

        var message = Assert.Single(cell.Store.Messages.Values);
        Assert.Equal("héllo \"you\" 🎉", Encoding.UTF8.GetString(message.Content.Span));
        Assert.Equal(1, message.ChannelVersion);
        Assert.Equal(message.MessageId, VerdictOf("m1").MessageId);
        foreach (var user in new[] { Say.Anna, Say.Ben })
        {
            Assert.Equal([InboxKind.ChannelChanged, InboxKind.Message], cell.InboxOf(user).Select(e => e.Kind));
            var payload = Json(cell.InboxOf(user)[1]);
            Assert.Equal("héllo \"you\" 🎉", payload.GetProperty("content").GetString());
            Assert.Equal(message.MessageId.ToString(), payload.GetProperty("messageId").GetString());
            Assert.Equal("m1", cell.InboxOf(user)[1].RequestId);
        }
        Assert.Empty(cell.InboxOf(Say.Xena));
        var bridged = Assert.IsType<BridgedMessage>(Outbound("b")[1].Body);
        Assert.Equal([Say.Xena], bridged.Recipients);
        Assert.Equal(message.MessageId, bridged.MessageId);
    }

    [Fact]
    public async Task Send_MemberOfACellThatTheMapDoesNotHaveYet_IsWrittenForThatCell()
    {
        const string zoe = "c.01HZZZZZZZZZZZZZZZZZZZZZC1";
        var foreign = ChannelId.ForGroup("b", Say.Xena, "create");
        var members = new[] { new SnapshotMember(Say.Xena, MemberRole.Owner), new SnapshotMember(Say.Anna, MemberRole.Member), new SnapshotMember(zoe, MemberRole.Member) };
        cell.Add(new SnapshotRecord(foreign, new ChannelSnapshot(ChannelType.Group, "three cells", "b", 1, 7, members), "b"));
        cell.Add(Say.Send(foreign, Say.Anna, "m1"));

        await cell.RunAllAsync();

        Assert.Equal([zoe], Assert.IsType<BridgedMessage>(Assert.Single(Outbound("c")).Body).Recipients);
        Assert.Equal([Say.Xena], Assert.IsType<BridgedMessage>(Assert.Single(Outbound("b")).Body).Recipients);
    }

    [Fact]
    public async Task Snapshot_FromACellThatTheMapDoesNotHaveYet_WaitsForTheMap()
    {
        const string zoe = "c.01HZZZZZZZZZZZZZZZZZZZZZC1";
        var foreign = ChannelId.ForGroup("c", zoe, "create");
        cell.Add(new SnapshotRecord(foreign, new ChannelSnapshot(ChannelType.Group, "new", "c", 1, 7, [new SnapshotMember(zoe, MemberRole.Owner), new SnapshotMember(Say.Anna, MemberRole.Member)]), "c"));
        await Assert.ThrowsAsync<CellMapBehindException>(() => cell.JudgeAllAsync());
        Assert.Null(cell.Log.Committed(FanOutRole.Group, TestCell.JudgedPartitions[1]));

        cell.Directory.KnowsC = true;
        await cell.RunAllAsync();

        Assert.Single(cell.InboxOf(Say.Anna));
    }

    [Fact]
    public async Task Judge_UnreadableRecordOfTheGreatestLength_IsPutAsideAndTheRestGoesOn()
    {
        cell.Log.Add(TestCell.JudgedPartitions[1], "k"u8.ToArray(), [.. Enumerable.Repeat((byte)9, cell.Log.MaxRecordBytes - 1)]);
        cell.Add(Say.CreateGroup(Say.Ben));
        await cell.RunAllAsync();

        var dead = DeadLetter.Decode(Assert.Single(cell.Log.Records(new TopicPartition(Topics.Dead, 0))).Value);
        Assert.Equal((0L, DeadLetter.MaxValue), (dead.Offset, dead.Value.Length));
        Assert.Contains("1999999", dead.Reason, StringComparison.Ordinal);
        Assert.Single(cell.InboxOf(Say.Ben));
    }

    [Fact]
    public async Task Send_FromNonMemberOrToUnknownChannel_IsRefusedAlike()
    {
        cell.Add(Say.CreateGroup());
        cell.Add(Say.Send(Say.Group, Say.Ben, "m1"));
        cell.Add(Say.Send(ChannelId.ForGroup("a", Say.Ben, "never"), Say.Ben, "m2"));
        await cell.RunAllAsync();

        Assert.Equal(ErrorCodes.NotMember, VerdictOf("m1").ErrorCode);
        Assert.Equal(ErrorCodes.NotMember, VerdictOf("m2").ErrorCode);
        Assert.Empty(cell.Store.Messages);
        Assert.Empty(cell.InboxOf(Say.Ben));
    }

    [Fact]
    public async Task Send_Repeated_GetsTheFirstVerdictAndNoSecondMessage()
    {
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.RunAllAsync();
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.RunAllAsync();

        Assert.Single(cell.Store.Messages);
        Assert.Equal(2, cell.InboxOf(Say.Ben).Count);
        var verdicts = cell.State.Verdicts.Where(v => v.RequestId == "m1").ToList();
        Assert.Equal(3, verdicts.Count);
        Assert.Single(verdicts.Select(v => v.MessageId).Distinct());
    }

    [Fact]
    public async Task Send_RequestIdWithOtherContent_IsAConflictAndTheFirstStays()
    {
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1", "one"));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1", "two"));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1", "one"));
        await cell.RunAllAsync();

        var verdicts = cell.State.Verdicts.Where(v => v.RequestId == "m1").ToList();
        Assert.Equal([null, ErrorCodes.Conflict, null], verdicts.Select(v => v.ErrorCode));
        Assert.Equal(verdicts[0].MessageId, verdicts[2].MessageId);
        Assert.Equal("one", Encoding.UTF8.GetString(Assert.Single(cell.Store.Messages.Values).Content.Span));
    }

    [Fact]
    public async Task Send_SameRequestIdOfAnotherSender_IsAnotherRequest()
    {
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        cell.Add(Say.Send(Say.Group, Say.Ben, "m1"));
        await cell.RunAllAsync();
        Assert.Equal(2, cell.Store.Messages.Count);
    }

    [Fact]
    public async Task Send_SameRequestIdAfter24Hours_IsANewRequest()
    {
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.RunAllAsync();
        cell.Log.Now += 24L * 3600 * 1000;
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1", "other"));
        await cell.RunAllAsync();
        Assert.Equal(2, cell.Store.Messages.Count);
    }

    [Fact]
    public async Task Send_Refused_StaysRefusedWhenTheReasonHasGone()
    {
        cell.Add(Say.CreateGroup());
        cell.Add(Say.Send(Say.Group, Say.Ben, "m1"));
        cell.Add(Say.Command(Say.Group, Say.Anna, "add", ChannelCommand.AddMembers, MemberRole.Member, Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Ben, "m1"));
        cell.Add(Say.Send(Say.Group, Say.Ben, "m2"));
        await cell.RunAllAsync();
        Assert.All(cell.State.Verdicts.Where(v => v.RequestId == "m1"), v => Assert.Equal(ErrorCodes.NotMember, v.ErrorCode));
        Assert.Null(VerdictOf("m2").ErrorCode);
    }

    [Fact]
    public async Task Send_AfterRequestNeverJudged_IsToldToRetryAndThenSucceeds()
    {
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m2", afterRequest: "m1"));
        await cell.RunAllAsync();
        var first = VerdictOf("m2");
        Assert.Equal(ErrorCodes.Retry, first.ErrorCode);
        Assert.True(first.RetryAfter > 0);

        cell.State.Published.Clear();
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m2", afterRequest: "m1"));
        await cell.RunAllAsync();
        Assert.True(VerdictOf("m1").MessageId < VerdictOf("m2").MessageId);
        Assert.Equal(["m1", "m2"], cell.InboxOf(Say.Ben).Where(e => e.Kind == InboxKind.Message).Select(e => e.RequestId));
    }

    [Fact]
    public async Task Send_AfterRequestRefused_IsJudgedOnItsOwn()
    {
        cell.Add(Say.CreateGroup());
        cell.Add(Say.Send(Say.Group, Say.Ben, "m1"));
        cell.Add(Say.Command(Say.Group, Say.Anna, "add", ChannelCommand.AddMembers, MemberRole.Member, Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Ben, "m2", afterRequest: "m1"));
        await cell.RunAllAsync();
        Assert.Null(VerdictOf("m2").ErrorCode);
    }

    [Fact]
    public async Task Send_NamesANewerChannelVersion_IsToldToRetry()
    {
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Ben, "m1", version: 2));
        cell.Add(Say.Rename(Say.Group, Say.Anna, "rename", "Pals"));
        cell.Add(Say.Send(Say.Group, Say.Ben, "m1", version: 2));
        await cell.RunAllAsync();
        Assert.Equal([ErrorCodes.Retry, null], cell.State.Verdicts.Where(v => v.RequestId == "m1").Select(v => v.ErrorCode));
        Assert.Equal(2, Assert.Single(cell.Store.Messages.Values).ChannelVersion);
    }

    [Fact]
    public async Task Send_After_SortsAfterWhatItAnswersWhateverTheClocksSay()
    {
        var ahead = MessageId.Create(cell.Log.Now + 600_000, 2, 0, 77);
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1", after: ahead));
        cell.Log.Now -= 10_000;
        cell.Add(Say.Send(Say.Group, Say.Ben, "m2"));
        await cell.RunAllAsync();
        Assert.True(VerdictOf("m1").MessageId > ahead);
        Assert.True(VerdictOf("m2").MessageId > VerdictOf("m1").MessageId);
    }

    [Fact]
    public async Task Send_AfterFromTheFarFuture_DoesNotMoveTheClock()
    {
        cell.Add(Say.CreateGroup());
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1", after: MessageId.Create(cell.Log.Now + (10 * Judge.MaxAfterAhead), 2, 0, 77)));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m2", after: Ulid.MaxValue));
        await cell.RunAllAsync();
        Assert.Equal(cell.Log.Now, MessageId.TimeOf(VerdictOf("m1").MessageId!.Value));
        Assert.Equal(cell.Log.Now, MessageId.TimeOf(VerdictOf("m2").MessageId!.Value));
    }

    [Fact]
    public async Task Send_OverTheInlineLimit_LeavesItsContentToTheMessageRow()
    {
        cell.Add(Say.CreateGroup());
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1", new string('x', InboxRecord.MaxInlineContent)));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m2", new string('x', InboxRecord.MaxInlineContent + 1)));
        await cell.RunAllAsync();
        var messages = cell.InboxOf(Say.Anna).Where(e => e.Kind == InboxKind.Message).ToList();
        Assert.False(messages[0].Payload.IsEmpty);
        Assert.True(messages[1].Payload.IsEmpty);
        Assert.True(cell.Store.Messages.ContainsKey((Say.Group, messages[1].EventId)));
    }

    [Fact]
    public async Task Process_RecordsThatCantBeJudged_GoToDeadAndTheRestGoesOn()
    {
        var partition = new TopicPartition(Topics.GroupMessages, 0);
        cell.Add(Say.CreateGroup());
        cell.Log.Add(partition, "x"u8.ToArray(), [1, 2, 3]);
        cell.Log.Add(partition, [], []);
        cell.Log.Add(partition, "other key"u8.ToArray(), ChannelRecord.Encode(Say.Send(Say.Group, Say.Anna, "m0")));
        cell.Log.Add(partition, Encoding.UTF8.GetBytes(Say.Group), ChannelRecord.Encode(Say.Send(Say.Group, Say.Anna, "m0") with { Content = new byte[] { 0xC3, 0x28 } }));
        cell.Log.Add(partition, Encoding.UTF8.GetBytes(Say.Group), ChannelRecord.Encode(Say.Command(Say.Group, Say.Anna, "odd", (ChannelCommand)77, MemberRole.Member)));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.RunAllAsync();

        var dead = cell.Log.Records(new TopicPartition(Topics.Dead, 0)).Select(r => DeadLetter.Decode(r.Value)).ToList();
        Assert.Equal([1L, 2, 3, 4, 5], dead.Select(d => d.Offset).Order());
        Assert.All(dead, d => Assert.NotEqual("", d.Reason));
        Assert.Null(VerdictOf("m1").ErrorCode);
    }

    [Fact]
    public async Task Receipt_FromMember_RaisesPointersAndTellsAuthorsAndOwnDevices()
    {
        cell.Add(Say.CreateGroup(Say.Ben, Say.Xena));
        var low = MessageId.Create(1000, 1, 1, 1);
        var high = MessageId.Create(2000, 1, 1, 2);
        cell.Add(new ReceiptRecord(Say.Group, Say.Ben, high, high, [Say.Anna, Say.Xena, Say.Dora, Say.Ben]));
        cell.Add(new ReceiptRecord(Say.Group, Say.Ben, low, null, [Say.Anna]));
        cell.Add(new ReceiptRecord(Say.Group, Say.Dora, high, high, [Say.Anna]));
        await cell.RunAllAsync();

        var row = Assert.Single(cell.Store.Receipts.Values);
        Assert.Equal((Say.Ben, high, high), (row.UserId, row.DeliveredUpTo!.Value, row.ReadUpTo!.Value));
        var hints = cell.State.Published.Select(p => p.Message).OfType<ReceiptHint>().ToList();
        Assert.Equal(2, hints.Count);
        Assert.Equal([Say.Anna], hints[0].Recipients);
        var bridged = Assert.Single(Outbound("b").Select(o => o.Body).OfType<BridgedReceipt>());
        Assert.Equal([Say.Xena], bridged.Recipients);
        var read = Assert.Single(cell.InboxOf(Say.Ben), e => e.Kind == InboxKind.Read);
        Assert.Equal(high.ToString(), Json(read).GetProperty("readUpTo").GetString());
        Assert.DoesNotContain(cell.InboxOf(Say.Anna), e => e.Kind == InboxKind.Read);
    }

    [Fact]
    public async Task Start_CommitWithoutTime_TakesItFromTheStoreElseStops()
    {
        var partition = new TopicPartition(Topics.GroupMessages, 0);
        cell.Log.Now += 50_000;
        cell.Add(Say.CreateGroup());
        await cell.JudgeAllAsync();
        cell.Log.SetCommitted(FanOutRole.Group, partition, new CommittedOffset(1, ""));
        cell.Log.Now -= 50_000;
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.JudgeAllAsync();
        Assert.True(VerdictOf("m1").MessageId > VerdictOf("create").MessageId);

        cell.Log.SetCommitted(FanOutRole.Group, partition, new CommittedOffset(1, ""));
        cell.Store.Times.Clear();
        var stopped = await Assert.ThrowsAsync<LogException>(() => cell.JudgeAllAsync());
        Assert.Contains("Judging stops", stopped.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Start_LogIsGoneButTheStoreIsNot_StopsInsteadOfDroppingWhatIsNew(bool somethingNew)
    {
        cell.Add(Say.CreateGroup());
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.JudgeAllAsync();
        cell.LoseLog();
        if (somethingNew) cell.Add(Say.Send(Say.Group, Say.Anna, "m2"));
        var stopped = await Assert.ThrowsAsync<LogException>(() => Worker.StartAsync(cell.Log, FanOutRole.Group, new TopicPartition(Topics.GroupMessages, 0), cell.FanOut()));
        Assert.Contains("Judging stops", stopped.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_CrashedBeforeTheFirstCommit_JudgesAgain()
    {
        cell.Add(Say.CreateGroup());
        await cell.JudgeAllAsync();
        cell.Log.SetCommitted(FanOutRole.Group, new TopicPartition(Topics.GroupMessages, 0), null);
        cell.Log.Now += 1_000;
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.JudgeAllAsync();
        Assert.NotNull(VerdictOf("m1").MessageId);
    }

    [Fact]
    public async Task Process_StateIsDown_JudgesAndCommitsAllTheSame()
    {
        cell.State.Down = true;
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.RunAllAsync();
        Assert.Equal(2, cell.InboxOf(Say.Ben).Count);
        Assert.Equal(2, cell.Log.Committed(FanOutRole.Group, new TopicPartition(Topics.GroupMessages, 0))!.NextOffset);
    }

    private Verdict VerdictOf(string request) => cell.State.Verdicts.Last(v => v.RequestId == request);

    private List<BridgeRecord> Outbound(string to) =>
        [.. Enumerable.Range(0, TestCell.Topics.Bridge).SelectMany(p => cell.Log.Records(new TopicPartition(Topics.BridgeTo(to), p))).Select(r => BridgeRecord.Decode(r.Value))];

    private static JsonElement Json(InboxRecord record) => JsonDocument.Parse("{" + Encoding.UTF8.GetString(record.Payload.Span) + "}").RootElement;
}
