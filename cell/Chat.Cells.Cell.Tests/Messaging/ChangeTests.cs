using System.Text;
using System.Text.Json;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Messaging;

/// <summary>Edits and deletions as the judge decides them, in one cell.</summary>
public sealed class ChangeTests
{
    private static readonly TopicPartition Partition = new(Topics.GroupMessages, 0);

    private readonly TestCell cell = new();

    [Fact]
    public async Task Edit_BySender_ReachesAllMembersAndIsAckedWithItsEvent()
    {
        var message = await SentAsync(Say.Anna, "m1", Say.Ben, Say.Xena);
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message, "better"));
        await cell.RunAllAsync();

        var verdict = VerdictOf("e1");
        Assert.Equal((message, null), (verdict.MessageId!.Value, verdict.ErrorCode));
        var change = cell.Store.Changes[(Say.Group, message)];
        Assert.Equal(("better", verdict.EventId!.Value, false), (Encoding.UTF8.GetString(change.Content.Span), change.EventId, change.IsDeletion));
        Assert.Equal("content of m1", Encoding.UTF8.GetString(cell.Store.Messages[(Say.Group, message)].Content.Span));
        foreach (var user in new[] { Say.Anna, Say.Ben })
        {
            var changed = cell.InboxOf(user)[^1];
            Assert.Equal((InboxKind.MessageChanged, verdict.EventId.Value, "e1", Say.Anna), (changed.Kind, changed.EventId, changed.RequestId, changed.SenderId));
            var payload = Json(changed);
            Assert.Equal(
                (Say.Group, message.ToString(), verdict.EventId.Value.ToString(), Say.Anna, Say.Anna, "text", "better"),
                (Text(payload, "channelId"), Text(payload, "messageId"), Text(payload, "eventId"), Text(payload, "sender"), Text(payload, "by"), Text(payload, "contentType"), Text(payload, "content")));
            Assert.False(payload.TryGetProperty("deleted", out _));
        }
        var bridged = Assert.IsType<BridgedChange>(Outbound()[^1].Body);
        Assert.Equal((verdict.EventId.Value, Say.Xena), (bridged.EventId, Assert.Single(bridged.Recipients)));
    }

    [Fact]
    public async Task Delete_BySender_TellsThatItIsDeletedAndNoContent()
    {
        var message = await SentAsync(Say.Anna, "m1", Say.Ben);
        cell.Add(Say.Delete(Say.Group, Say.Anna, "d1", message));
        await cell.RunAllAsync();

        var payload = Json(cell.InboxOf(Say.Ben)[^1]);
        Assert.True(payload.GetProperty("deleted").GetBoolean());
        Assert.False(payload.TryGetProperty("content", out _));
        Assert.True(cell.Store.Changes[(Say.Group, message)].IsDeletion);
    }

    [Fact]
    public async Task Edits_Two_TheLaterOneIsKeptAndItsEventIsHigher()
    {
        var message = await SentAsync(Say.Anna, "m1");
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message));
        cell.Log.Now -= 5_000; // a clock set back changes nothing
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e2", message));
        await cell.RunAllAsync();

        Assert.True(VerdictOf("e2").EventId > VerdictOf("e1").EventId);
        Assert.Equal(VerdictOf("e2").EventId, cell.Store.Changes[(Say.Group, message)].EventId);
    }

    [Fact]
    public async Task Change_ByWhomItIsNotFor_IsRefusedAndSaysWhy()
    {
        var message = await SentAsync(Say.Ben, "m1", Say.Ben, Say.Cleo);
        cell.Add(Say.Edit(Say.Group, Say.Anna, "owner edits", message));
        cell.Add(Say.Edit(Say.Group, Say.Cleo, "member edits", message));
        cell.Add(Say.Delete(Say.Group, Say.Cleo, "member deletes", message));
        cell.Add(Say.Edit(Say.Group, Say.Dora, "stranger edits", message));
        cell.Add(Say.Edit(Say.Group, Say.Anna, "unknown", MessageId.Create(cell.Log.Now, 1, 9, 1)));
        cell.Add(Say.Delete(Say.Group, Say.Anna, "unknown too", MessageId.Create(cell.Log.Now, 1, 9, 1)));
        await cell.RunAllAsync();

        Assert.Equal(ErrorCodes.Forbidden, VerdictOf("owner edits").ErrorCode);
        Assert.Equal(ErrorCodes.Forbidden, VerdictOf("member edits").ErrorCode);
        Assert.Equal(ErrorCodes.Forbidden, VerdictOf("member deletes").ErrorCode);
        Assert.Equal(ErrorCodes.NotMember, VerdictOf("stranger edits").ErrorCode);
        Assert.Equal(ErrorCodes.UnknownMessage, VerdictOf("unknown").ErrorCode);
        Assert.Equal(ErrorCodes.UnknownMessage, VerdictOf("unknown too").ErrorCode);
        Assert.Empty(cell.Store.Changes);
        Assert.DoesNotContain(cell.InboxOf(Say.Ben), e => e.Kind == InboxKind.MessageChanged);
    }

    [Theory]
    [InlineData(MemberRole.Admin)]
    [InlineData(MemberRole.Owner)]
    public async Task Delete_InAGroup_AdminsAndOwnersDeleteWhatOthersSent(MemberRole role)
    {
        var message = await SentAsync(Say.Anna, "m1", Say.Ben);
        cell.Add(Say.Command(Say.Group, Say.Anna, "role", ChannelCommand.SetRole, role, Say.Ben));
        cell.Add(Say.Delete(Say.Group, Say.Ben, "d1", message));
        await cell.RunAllAsync();

        Assert.Null(VerdictOf("d1").ErrorCode);
        var payload = Json(cell.InboxOf(Say.Anna)[^1]);
        Assert.Equal((Say.Anna, Say.Ben), (Text(payload, "sender"), Text(payload, "by")));
    }

    [Fact]
    public async Task Delete_InADirectChannel_OnlyOfOnesOwnMessages()
    {
        var channel = ChannelId.ForDirect(Say.Anna, Say.Ben);
        cell.Add(Say.CreateDirect(Say.Anna, Say.Ben));
        cell.Add(Say.Send(channel, Say.Ben, "m1"));
        await cell.RunAllAsync();
        var message = VerdictOf("m1").MessageId!.Value;
        cell.Add(Say.Delete(channel, Say.Anna, "hers", message));
        cell.Add(Say.Delete(channel, Say.Ben, "his", message));
        // The message of another channel is not there for this one.
        cell.Add(Say.CreateGroup());
        cell.Add(Say.Delete(Say.Group, Say.Anna, "elsewhere", message));
        await cell.RunAllAsync();

        Assert.Equal(ErrorCodes.Forbidden, VerdictOf("hers").ErrorCode);
        Assert.Null(VerdictOf("his").ErrorCode);
        Assert.Equal(ErrorCodes.UnknownMessage, VerdictOf("elsewhere").ErrorCode);
    }

    [Fact]
    public async Task Deleted_EditedOrDeletedAgain_StaysAndNobodyIsToldTwice()
    {
        var message = await SentAsync(Say.Anna, "m1", Say.Ben);
        cell.Add(Say.Delete(Say.Group, Say.Anna, "d1", message));
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message));
        cell.Add(Say.Delete(Say.Group, Say.Anna, "d2", message));
        await cell.RunAllAsync();

        Assert.Equal(ErrorCodes.Deleted, VerdictOf("e1").ErrorCode);
        Assert.Equal((null, VerdictOf("d1").EventId), (VerdictOf("d2").ErrorCode, VerdictOf("d2").EventId));
        Assert.Single(cell.InboxOf(Say.Ben), e => e.Kind == InboxKind.MessageChanged);
    }

    [Fact]
    public async Task Change_Repeated_GetsTheFirstVerdictAndConflictWithAnotherContent()
    {
        var message = await SentAsync(Say.Anna, "m1", Say.Ben);
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message));
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message));
        cell.Add(Say.Edit(Say.Group, Say.Anna, "no", MessageId.Create(cell.Log.Now, 1, 9, 1)));
        await cell.RunAllAsync();
        var first = VerdictOf("e1");
        cell.Add(Say.Delete(Say.Group, Say.Anna, "d1", message));
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message)); // also after the message was deleted
        cell.Add(Say.Edit(Say.Group, Say.Anna, "no", MessageId.Create(cell.Log.Now, 1, 9, 1)));
        await cell.RunAllAsync();
        Assert.Equal([first], Verdicts("e1").Distinct());
        Assert.Equal([ErrorCodes.UnknownMessage], Verdicts("no").Select(v => v.ErrorCode).Distinct());
        Assert.Equal(2, cell.InboxOf(Say.Ben).Count(e => e.Kind == InboxKind.MessageChanged));

        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message, "another"));
        cell.Add(Say.Delete(Say.Group, Say.Anna, "m1", message)); // the request was a message's
        await cell.RunAllAsync();
        Assert.Equal(ErrorCodes.Conflict, Verdicts("e1")[^1].ErrorCode);
        Assert.Equal(ErrorCodes.Conflict, Verdicts("m1")[^1].ErrorCode);
    }

    [Fact]
    public async Task Change_OfAMessageInTheSameBatch_IsJudgedByIt()
    {
        var foresight = new Foresight(cell);
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        var message = Assert.Single(foresight.MessagesSoFar()).MessageId;
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message));
        cell.Add(Say.Delete(Say.Group, Say.Anna, "d1", message));
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e2", message));
        await cell.RunAllAsync();

        Assert.Equal([null, null, ErrorCodes.Deleted], new[] { "e1", "d1", "e2" }.Select(r => VerdictOf(r).ErrorCode));
        Assert.Equal([InboxKind.ChannelChanged, InboxKind.Message, InboxKind.MessageChanged, InboxKind.MessageChanged], cell.InboxOf(Say.Ben).Select(e => e.Kind));
    }

    [Fact]
    public async Task Change_BeforeItsMessageInTheLog_IsRefusedAtAReplayToo()
    {
        var foresight = new Foresight(cell);
        cell.Add(Say.CreateGroup());
        _ = foresight.MessagesSoFar();
        var guessed = MessageId.Create(cell.Log.Now, 1, Topics.LogPartition(Partition), 2);
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", guessed));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.RunAllAsync();
        Assert.Equal(guessed, VerdictOf("m1").MessageId);
        Assert.Equal(ErrorCodes.UnknownMessage, VerdictOf("e1").ErrorCode);

        cell.Store.Requests.Clear(); // as if it had stopped before they were written
        cell.Log.SetCommitted(FanOutRole.Group, Partition, null);
        await cell.RunAllAsync();

        Assert.Equal([ErrorCodes.UnknownMessage], Verdicts("e1").Select(v => v.ErrorCode).Distinct());
        Assert.Equal([guessed], Verdicts("m1").Select(v => v.MessageId!.Value).Distinct());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Edit_ReplayedAfterALaterDeletionWasWritten_IsDecidedAsBefore(bool requestsAreStored)
    {
        var message = await SentAsync(Say.Anna, "m1", Say.Ben);
        var commit = cell.Log.Committed(FanOutRole.Group, Partition);
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message));
        cell.Add(Say.Delete(Say.Group, Say.Anna, "d1", message));
        cell.Add(Say.Delete(Say.Group, Say.Anna, "d2", message));
        await cell.JudgeAllAsync(1);
        var expected = cell.State.Verdicts.ToList();
        if (!requestsAreStored)
        {
            foreach (var key in cell.Store.Requests.Keys.Where(k => k.Request is "e1" or "d1" or "d2").ToList()) cell.Store.Requests.Remove(key);
        }

        cell.Log.SetCommitted(FanOutRole.Group, Partition, commit);
        await cell.RunAllAsync(2);

        Assert.Equal(expected.Distinct(), cell.State.Verdicts.Distinct());
        Assert.Equal([VerdictOf("e1").EventId, VerdictOf("d1").EventId], cell.InboxOf(Say.Ben).Where(e => e.Kind == InboxKind.MessageChanged).Select(e => (Ulid?)e.EventId));
    }

    [Fact]
    public async Task Edit_OverTheInlineLimit_LeavesItsContentToTheStore()
    {
        var message = await SentAsync(Say.Anna, "m1");
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message, new string('x', InboxRecord.MaxInlineContent)));
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e2", message, new string('x', InboxRecord.MaxInlineContent + 1)));
        await cell.RunAllAsync();

        var changes = cell.InboxOf(Say.Anna).Where(e => e.Kind == InboxKind.MessageChanged).ToList();
        Assert.Equal([false, true], changes.Select(c => c.IsReference));
        Assert.Equal(message, changes[1].ReferredMessage);
        Assert.Equal(InboxRecord.MaxInlineContent + 1, cell.Store.Changes[(Say.Group, message)].Content.Length);
    }

    [Fact]
    public async Task Change_MembersOfThatMoment_AreToldAndOthersNot()
    {
        var message = await SentAsync(Say.Anna, "m1", Say.Ben);
        cell.Add(Say.Command(Say.Group, Say.Anna, "add", ChannelCommand.AddMembers, MemberRole.Member, Say.Cleo));
        cell.Add(Say.Command(Say.Group, Say.Anna, "remove", ChannelCommand.RemoveMembers, MemberRole.Member, Say.Ben));
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message));
        cell.Add(Say.Edit(Say.Group, Say.Anna, "newer channel", message, version: 9));
        await cell.RunAllAsync();

        Assert.Equal(InboxKind.MessageChanged, cell.InboxOf(Say.Cleo)[^1].Kind);
        Assert.DoesNotContain(cell.InboxOf(Say.Ben), e => e.Kind == InboxKind.MessageChanged);
        Assert.Equal(ErrorCodes.Retry, VerdictOf("newer channel").ErrorCode);
    }

    [Fact]
    public async Task Change_ThatCantBeJudged_GoesToDeadAndTheRestGoesOn()
    {
        var message = await SentAsync(Say.Anna, "m1");
        cell.Add(Say.Edit(Say.Group, Say.Anna, "bad", message) with { Content = new byte[] { 0xC3, 0x28 } });
        cell.Add(Say.Edit(Say.Group, Say.Anna, "", message));
        cell.Add(Say.Edit(Say.Group, Say.Anna, "e1", message));
        await cell.RunAllAsync();

        Assert.Equal(2, cell.Log.Records(new TopicPartition(Topics.Dead, 0)).Count);
        Assert.Null(VerdictOf("e1").ErrorCode);
    }

    private async Task<Ulid> SentAsync(string sender, string request, params string[] others)
    {
        cell.Add(Say.CreateGroup(others));
        cell.Add(Say.Send(Say.Group, sender, request));
        await cell.RunAllAsync();
        return VerdictOf(request).MessageId!.Value;
    }

    private List<Verdict> Verdicts(string request) => [.. cell.State.Verdicts.Where(v => v.RequestId == request)];

    private Verdict VerdictOf(string request) => Verdicts(request)[0];

    private List<BridgeRecord> Outbound() =>
        [.. Enumerable.Range(0, TestCell.Topics.Bridge).SelectMany(p => cell.Log.Records(new TopicPartition(Topics.BridgeTo("b"), p))).Select(r => BridgeRecord.Decode(r.Value))];

    private static string? Text(JsonElement payload, string name) => payload.GetProperty(name).GetString();

    private static JsonElement Json(InboxRecord record)
    {
        using var document = JsonDocument.Parse("{" + Encoding.UTF8.GetString(record.Payload.Span) + "}");
        return document.RootElement.Clone();
    }
}
