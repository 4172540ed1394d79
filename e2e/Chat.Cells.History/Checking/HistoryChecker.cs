using Chat.Cells.History.Recording;

namespace Chat.Cells.History.Checking;

/// <summary>
/// Proves a recording: every accepted message is shown exactly once on every device of every recipient (by the channel version it was judged by), the order by id is
/// the same everywhere and in history, senders' own orders hold, answers come after what they answer, and nothing is shown that was not sent.
/// </summary>
/// <remarks>A send without an outcome may have been accepted or not; but when anyone is shown it, everyone must be.</remarks>
public sealed class HistoryChecker
{
    private readonly Ledger ledger = new();
    private readonly FailureLog failures = new();
    private readonly WireCheck wire;

    private HistoryChecker() => wire = new WireCheck(ledger.Devices, failures);

    /// <summary>Checks a recording.</summary>
    public static CheckReport Check(IEnumerable<HistoryRecord> recording)
    {
        var checker = new HistoryChecker();
        foreach (var record in recording) checker.Add(record);
        return checker.Finish();
    }

    private void Add(HistoryRecord record)
    {
        switch (record)
        {
            case DeviceAdded r:
                ledger.Devices[r.Device] = r.User;
                break;
            case MembersSeen r:
                AddMembers(r);
                break;
            case MessageSent r:
                AddSend(r);
                break;
            case SendAcked r:
                AddAck(r.Device, r.RequestId, r.MessageId);
                break;
            case SendRefused r:
                AddRefusal(r);
                break;
            case MessageShown r:
                if (!ledger.Shown.TryGetValue(r.Device, out var shown)) ledger.Shown.Add(r.Device, shown = []);
                shown.Add(r);
                break;
            case ReceiptShown r:
                ledger.Receipts.Add(r);
                break;
            case ConnectionOpened r:
                wire.Opened(r);
                break;
            case FrameSeen r:
                wire.Frame(r);
                break;
            case FinalTimeline r:
                ledger.Timelines.Add(r);
                break;
            case FinalHistory r:
                if (!ledger.Histories.TryGetValue(r.Channel, out var histories)) ledger.Histories.Add(r.Channel, histories = []);
                histories.Add(r);
                break;
            default:
                break;
        }
    }

    private void AddMembers(MembersSeen record)
    {
        if (!ledger.Members.TryGetValue(record.Channel, out var versions)) ledger.Members.Add(record.Channel, versions = []);
        var members = record.Members.ToHashSet();
        if (versions.TryGetValue(record.Version, out var known) && !known.SetEquals(members))
        {
            failures.Add(Rule.OrderDiffers, $"Channel {record.Channel}, version {record.Version}: two devices were told of different members.");
        }
        versions[record.Version] = members;
    }

    private void AddSend(MessageSent record)
    {
        var sending = new Sending(record);
        ledger.Sends.Add(sending);
        ledger.ByRequest[(record.Device, record.RequestId)] = sending;
        if (!ledger.ByContent.TryAdd(record.Content, sending)) failures.Add(Rule.Incomplete, $"Two sends have the same content, {sending}: they can't be told apart.");
    }

    private void AddAck(string device, string requestId, string messageId)
    {
        if (!ledger.ByRequest.TryGetValue((device, requestId), out var sending))
        {
            failures.Add(Rule.Phantom, $"Device {device} got an ack for {requestId}, which it never sent.");
            return;
        }
        if (sending.MessageId is not null && sending.MessageId != messageId) failures.Add(Rule.TwoVerdicts, $"{sending} was acked again as {messageId}.");
        if (sending.RefusedWith is not null) failures.Add(Rule.TwoVerdicts, $"{sending} was refused ({sending.RefusedWith}) and then acked.");
        sending.MessageId ??= messageId;
        sending.IsAcked = true;
    }

    private void AddRefusal(SendRefused record)
    {
        if (!ledger.ByRequest.TryGetValue((record.Device, record.RequestId), out var sending)) return;
        if (sending.IsAcked) failures.Add(Rule.TwoVerdicts, $"{sending} was acked and then refused ({record.Code}).");
        sending.RefusedWith = record.Code;
    }

    private CheckReport Finish()
    {
        foreach (var ((device, requestId), messageId) in wire.Acked)
        {
            // An ack on the wire binds the server even when the SDK heard of it otherwise.
            if (ledger.ByRequest.ContainsKey((device, requestId))) AddAck(device, requestId, messageId);
        }
        var content = new ContentCheck(ledger, failures);
        content.Run();
        new OrderCheck(ledger, failures, content.Accepted).Run();
        return new CheckReport(
            ledger.Sends.Count,
            ledger.Sends.Count(s => s.IsAcked),
            ledger.Sends.Count(s => s.RefusedWith is not null),
            ledger.Sends.Count(s => !s.IsAcked && s.RefusedWith is null),
            ledger.Shown.Values.Sum(s => s.Count),
            content.Expected,
            ledger.Devices.Count,
            wire.Connections,
            wire.RepeatedAcrossConnections,
            failures.Counts,
            failures.First);
    }
}
