using Chat.Cells.History.Checking;
using Chat.Cells.History.Recording;

namespace Chat.Cells.History.Tests;

/// <summary>One history for each way to break each rule: the check must find it, and name the rule.</summary>
public sealed class RuleTests
{
    private readonly List<HistoryRecord> history = GoodHistory.Make(seed: 7, messages: 30);

    [Fact]
    public void Check_GoodHistory_Passes()
    {
        var report = HistoryChecker.Check(history);
        Assert.True(report.Passed, report.ToString());
        Assert.Equal(30, report.Acked);
        Assert.Equal(report.Expected, report.Shown);
        Assert.Equal(5, report.Devices);
        Assert.Equal(5, report.Connections);
        Assert.Equal(0, report.RepeatedAcrossConnections);
    }

    [Fact]
    public void Check_MessageNeverShownOnADevice_IsLost()
    {
        history.RemoveAt(history.FindLastIndex(r => r is MessageShown));
        Fails(Rule.Lost);
    }

    [Fact]
    public void Check_AckedMessageMissingInHistory_IsLost()
    {
        var id = First<SendAcked>().MessageId;
        Change<FinalHistory>(h => h with { Messages = h.Messages.Where(m => m.MessageId != id).ToArray() });
        Fails(Rule.Lost);
    }

    [Fact]
    public void Check_AckedOnTheWireOnlyAndNowhereElse_IsLost()
    {
        var device = First<MessageSent>().Device;
        history.Add(new MessageSent(0, device, GoodHistory.Group, "r-wire", "acked, then gone", null, null));
        history.Add(GoodHistory.Frame(0, device, "message_ack", new { messageId = GoodHistory.Id(900), channelId = GoodHistory.Group }, "r-wire"));
        Fails(Rule.Lost);
    }

    [Fact]
    public void Check_MessageShownTwice_IsDuplicated()
    {
        history.Insert(history.Count - 1, First<MessageShown>());
        Fails(Rule.Duplicated);
    }

    [Fact]
    public void Check_OneSendBecameTwoMessages_IsDuplicated()
    {
        var shown = First<MessageShown>();
        history.Add(shown with { MessageId = GoodHistory.Id(900) });
        Fails(Rule.Duplicated);
    }

    [Fact]
    public void Check_HistoryHasAMessageTwice_IsDuplicated()
    {
        Change<FinalHistory>(h => h with { Messages = [.. h.Messages, h.Messages[^1]] });
        Fails(Rule.Duplicated);
    }

    [Fact]
    public void Check_TimelineOutOfOrder_OrderDiffers()
    {
        var done = false;
        Change<FinalTimeline>(t => done ? t : t with { MessageIds = Swap(t.MessageIds, ref done) });
        Fails(Rule.OrderDiffers);
    }

    [Fact]
    public void Check_HistoryOfOneReaderOutOfOrder_OrderDiffers()
    {
        var done = false;
        Change<FinalHistory>(h => done ? h : h with { Messages = Swap(h.Messages, ref done) });
        Fails(Rule.OrderDiffers);
    }

    [Fact]
    public void Check_TimelineLacksWhatWasShown_OrderDiffers()
    {
        var done = false;
        Change<FinalTimeline>(t =>
        {
            if (done || t.MessageIds.Count == 0) return t;
            done = true;
            return t with { MessageIds = t.MessageIds.Skip(1).ToArray() };
        });
        Fails(Rule.OrderDiffers);
    }

    [Fact]
    public void Check_LaterSendSortsBeforeEarlierOne_SenderOrder()
    {
        // The same device sends twice in a channel: the record of the second comes first.
        var sends = history.OfType<MessageSent>().GroupBy(s => (s.Device, s.Channel)).First(g => g.Count() > 1).ToArray();
        var (first, second) = (history.IndexOf(sends[0]), history.IndexOf(sends[1]));
        (history[first], history[second]) = (sends[1] with { After = null, ReplyTo = null }, sends[0] with { After = null, ReplyTo = null });
        var acks = history.OfType<SendAcked>().Where(a => a.RequestId == sends[1].RequestId).ToArray();
        Assert.Single(acks);
        Fails(Rule.SenderOrder);
    }

    [Fact]
    public void Check_MessageSortsBeforeWhatItsSenderHadSeen_BeforeItsCause()
    {
        Change<MessageSent>(s => s with { After = GoodHistory.Id(999) });
        Fails(Rule.BeforeItsCause);
    }

    [Fact]
    public void Check_ReplySortsBeforeWhatItAnswers_BeforeItsCause()
    {
        Change<MessageSent>(s => s with { ReplyTo = GoodHistory.Id(999) });
        Fails(Rule.BeforeItsCause);
    }

    [Fact]
    public void Check_ShownWithoutASend_Phantom()
    {
        history.Add(First<MessageShown>() with { MessageId = GoodHistory.Id(900), Content = "nobody sent this" });
        Fails(Rule.Phantom);
    }

    [Fact]
    public void Check_ShownAlthoughRefused_Phantom()
    {
        var send = First<MessageSent>();
        history.RemoveAll(r => r is SendAcked a && a.RequestId == send.RequestId);
        history.RemoveAll(r => r is FrameSeen f && f.Text.Contains("message_ack", StringComparison.Ordinal) && f.Text.Contains($"\"{send.RequestId}\"", StringComparison.Ordinal));
        history.Add(new SendRefused(0, send.Device, send.RequestId, "not_member"));
        Fails(Rule.Phantom);
    }

    [Fact]
    public void Check_ShownInAnotherChannel_Phantom()
    {
        var shown = First<MessageShown>();
        history[history.IndexOf(shown)] = shown with { Channel = "d.else" };
        Fails(Rule.Phantom);
    }

    [Fact]
    public void Check_ShownAsSentByAnother_Phantom()
    {
        var shown = First<MessageShown>();
        history[history.IndexOf(shown)] = shown with { Sender = "us.mallory" };
        Fails(Rule.Phantom);
    }

    [Fact]
    public void Check_ServerSendsGarbage_Phantom()
    {
        history.Add(new FrameSeen(0, "a-phone", 1, Out: false, "{not json"));
        Fails(Rule.Phantom);
    }

    [Fact]
    public void Check_ShownToSomeoneWhoIsNoMember_Leaked()
    {
        var shown = history.OfType<MessageShown>().First(m => m.Channel == GoodHistory.Direct);
        history.Add(shown with { Device = "c-phone" });
        Fails(Rule.Leaked);
    }

    [Fact]
    public void Check_EventTwiceOnOneConnection_RepeatedOnConnection()
    {
        var frame = history.OfType<FrameSeen>().First(f => f.Text.Contains("new_message", StringComparison.Ordinal));
        history.Insert(history.IndexOf(frame) + 1, frame);
        Fails(Rule.RepeatedOnConnection);
    }

    [Theory]
    [InlineData(8, true)]
    [InlineData(7, false)]
    public void Check_TwoChangesOfAMessage_AreTwoEvents(int second, bool passes)
    {
        history.Add(Changed(7, "1.0.501"));
        history.Add(Changed(second, "1.0.502"));
        if (passes) Assert.True(HistoryChecker.Check(history).Passed, HistoryChecker.Check(history).ToString());
        else Fails(Rule.RepeatedOnConnection);

        static HistoryRecord Changed(int change, string cursor) =>
            GoodHistory.Frame(0, "a-phone", "message_changed", new { channelId = "d.1", messageId = GoodHistory.Id(1), eventId = GoodHistory.Id(change), cursor }, null, connection: 2);
    }

    [Fact]
    public void Check_EventAgainOnTheNextConnection_IsCountedAndAllowed()
    {
        var frame = history.OfType<FrameSeen>().First(f => f.Text.Contains("new_message", StringComparison.Ordinal));
        history.Add(new ConnectionOpened(0, frame.Device, 2));
        history.Add(frame with { Connection = 2 });
        var report = HistoryChecker.Check(history);
        Assert.True(report.Passed, report.ToString());
        Assert.Equal(1, report.RepeatedAcrossConnections);
    }

    [Fact]
    public void Check_EventAgainInTheBatchOfTheNextConnection_IsCountedAndAllowed()
    {
        var frame = history.OfType<FrameSeen>().First(f => f.Text.Contains("new_message", StringComparison.Ordinal));
        history.Add(GoodHistory.Frame(0, frame.Device, "sync_batch", GoodHistory.BatchOf(frame, "1.0.1"), null, connection: 2));
        var report = HistoryChecker.Check(history);
        Assert.True(report.Passed, report.ToString());
        Assert.Equal(1, report.RepeatedAcrossConnections);
    }

    [Theory]
    [InlineData("1.0.500")]
    [InlineData("1.1.1")]
    [InlineData("2.0.1")]
    public void Check_EventAgainOnTheNextConnectionAtAnotherCursor_IsDuplicated(string cursor)
    {
        var frame = history.OfType<FrameSeen>().First(f => f.Text.Contains("new_message", StringComparison.Ordinal));
        Assert.Contains("\"1.0.1\"", frame.Text, StringComparison.Ordinal);
        history.Add(frame with { Connection = 2, Text = frame.Text.Replace("\"1.0.1\"", $"\"{cursor}\"", StringComparison.Ordinal) });
        Fails(Rule.Duplicated);
    }

    [Fact]
    public void Check_EventAgainInTheBatchOfTheNextConnectionAtAnotherCursor_IsDuplicated()
    {
        var frame = history.OfType<FrameSeen>().First(f => f.Text.Contains("new_message", StringComparison.Ordinal));
        history.Add(GoodHistory.Frame(0, frame.Device, "sync_batch", GoodHistory.BatchOf(frame, "1.0.500"), null, connection: 2));
        Fails(Rule.Duplicated);
    }

    [Fact]
    public void Check_EventAtOneCursorOnAPhoneAndAnotherOnALaptop_IsDuplicated()
    {
        var read = new { channelId = "d.1", readUpTo = GoodHistory.Id(1), eventId = GoodHistory.Id(901) };
        history.Add(GoodHistory.Frame(0, "a-phone", "read", new { read.channelId, read.readUpTo, read.eventId, cursor = "1.0.500" }, null));
        history.Add(GoodHistory.Frame(0, "a-laptop", "read", new { read.channelId, read.readUpTo, read.eventId, cursor = "1.0.501" }, null));
        Fails(Rule.Duplicated);
    }

    [Fact]
    public void Check_EventWithoutACursor_CursorBackwards()
    {
        history.Add(GoodHistory.Frame(0, "a-phone", "read", new { channelId = "d.1", readUpTo = GoodHistory.Id(1), eventId = GoodHistory.Id(901) }, null));
        Fails(Rule.CursorBackwards);
    }

    [Fact]
    public void Check_EventLiveAndInABatchOfTheSameConnection_RepeatedOnConnection()
    {
        history.Add(GoodHistory.Frame(0, "a-phone", "sync_batch", Batch("1.0.500"), null, connection: 2));
        history.Add(GoodHistory.Frame(0, "a-phone", "new_message", new { channelId = "d.1", messageId = GoodHistory.Id(1), cursor = "1.0.501" }, null, connection: 2));
        Fails(Rule.RepeatedOnConnection);

        static object Batch(string cursor) => new
        {
            events = new[] { new { type = "new_message", payload = new { channelId = "d.1", messageId = GoodHistory.Id(1), cursor } } },
            cursor,
            more = false,
        };
    }

    [Theory]
    [InlineData("1.0.0")]
    [InlineData("0.9.900")]
    [InlineData("garbage")]
    public void Check_CursorGoesBackwards_CursorBackwards(string cursor)
    {
        history.Add(GoodHistory.Frame(0, "a-phone", "read", new { channelId = "d.1", readUpTo = GoodHistory.Id(1), eventId = GoodHistory.Id(901), cursor }, null));
        Fails(Rule.CursorBackwards);
    }

    [Fact]
    public void Check_ReceiptForWhatNoDeviceWasShown_ReceiptAhead()
    {
        var inDirect = history.OfType<MessageShown>().First(m => m.Channel == GoodHistory.Direct);
        history.Add(new ReceiptShown(0, "a-phone", GoodHistory.Direct, "us.cleo", inDirect.MessageId, null));
        Fails(Rule.ReceiptAhead);
    }

    [Fact]
    public void Check_SendAckedWithTwoIds_TwoVerdicts()
    {
        history.Add(First<SendAcked>() with { MessageId = GoodHistory.Id(900) });
        Fails(Rule.TwoVerdicts);
    }

    [Fact]
    public void Check_TwoSendsAckedWithOneId_TwoVerdicts()
    {
        var device = First<MessageSent>().Device;
        history.Add(new MessageSent(0, device, GoodHistory.Group, "r-new", "another", null, null));
        history.Add(new SendAcked(0, device, "r-new", First<SendAcked>().MessageId));
        Fails(Rule.TwoVerdicts);
    }

    [Fact]
    public void Check_AckForASendNeverMade_Phantom()
    {
        history.Add(new SendAcked(0, "a-phone", "r-unknown", GoodHistory.Id(900)));
        Fails(Rule.Phantom);
    }

    [Fact]
    public void Check_UnknownOutcomeShownNowhere_Passes()
    {
        history.Add(new MessageSent(0, "a-phone", GoodHistory.Group, "r-lost", "never judged", null, null));
        var report = HistoryChecker.Check(history);
        Assert.True(report.Passed, report.ToString());
        Assert.Equal(1, report.Unknown);
    }

    [Fact]
    public void Check_UnknownOutcomeShownOnOneDeviceOnly_IsLost()
    {
        history.Add(new MessageSent(0, "a-phone", GoodHistory.Group, "r-half", "half judged", null, null));
        history.Add(new MessageShown(0, "b-phone", GoodHistory.Group, GoodHistory.Id(800), "eu.anna", "half judged", true));
        Fails(Rule.Lost);
    }

    [Fact]
    public void Check_MembershipDecidesByTheVersionOfTheMessage()
    {
        // Cleo is no member any more from version 2 on: what was judged by version 2 she must not be shown, and may lack.
        history.Add(new MembersSeen(0, GoodHistory.Group, 2, ["eu.anna", "eu.ben"]));
        var late = new HistoryMessage(GoodHistory.Id(700), "eu.anna", "without cleo", null, 2);
        history.Add(new MessageSent(0, "a-phone", GoodHistory.Group, "r-late", late.Content, null, null));
        history.Add(new SendAcked(0, "a-phone", "r-late", late.MessageId));
        foreach (var device in new[] { "a-phone", "a-laptop", "b-phone" }) history.Add(new MessageShown(0, device, GoodHistory.Group, late.MessageId, late.Sender, late.Content, true));
        Change<FinalHistory>(h => h.Channel == GoodHistory.Group && !h.Device.StartsWith('c') ? h with { Messages = [.. h.Messages, late] } : h);
        Change<FinalTimeline>(t => t.Channel == GoodHistory.Group && !t.Device.StartsWith('c') ? t with { MessageIds = [.. t.MessageIds, late.MessageId] } : t);
        history.RemoveAll(r => r is FinalHistory h && h.Device.StartsWith('c') && h.Channel == GoodHistory.Group);
        var report = HistoryChecker.Check(history);
        Assert.True(report.Passed, report.ToString());
        history.Add(new MessageShown(0, "c-phone", GoodHistory.Group, late.MessageId, late.Sender, late.Content, true));
        Fails(Rule.Leaked);
    }

    [Fact]
    public void Check_MembersOfAVersionDiffer_OrderDiffers()
    {
        history.Add(new MembersSeen(0, GoodHistory.Group, 1, ["eu.anna"]));
        Fails(Rule.OrderDiffers);
    }

    [Fact]
    public void Check_HistoryNotRecorded_Incomplete()
    {
        history.RemoveAll(r => r is FinalHistory { Channel: GoodHistory.Group });
        Fails(Rule.Incomplete);
    }

    [Fact]
    public void Check_TwoSendsOfTheSameContent_Incomplete()
    {
        history.Add(new MessageSent(0, "a-phone", GoodHistory.Group, "r-same", First<MessageSent>().Content, null, null));
        Fails(Rule.Incomplete);
    }

    private static T[] Swap<T>(IReadOnlyList<T> list, ref bool done)
    {
        var copy = list.ToArray();
        if (copy.Length > 1)
        {
            (copy[0], copy[1]) = (copy[1], copy[0]);
            done = true;
        }
        return copy;
    }

    private T First<T>()
        where T : HistoryRecord => history.OfType<T>().First();

    private void Change<T>(Func<T, T> change)
        where T : HistoryRecord
    {
        for (var i = 0; i < history.Count; i++)
        {
            if (history[i] is T record) history[i] = change(record);
        }
    }

    private void Fails(Rule rule)
    {
        var report = HistoryChecker.Check(history);
        Assert.True(report.Counts.ContainsKey(rule), $"{rule} was not found: {report}");
        Assert.Contains(report.First, f => f.Rule == rule);
        Assert.False(report.Passed);
    }
}
