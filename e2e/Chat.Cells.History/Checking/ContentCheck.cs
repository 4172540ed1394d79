using Chat.Cells.History.Recording;

namespace Chat.Cells.History.Checking;

/// <summary>Everything accepted is shown exactly once to whom it was meant for and is once in history; nothing else is.</summary>
internal sealed class ContentCheck(Ledger ledger, FailureLog failures)
{
    private readonly Dictionary<string, Sending> accepted = [];
    private readonly Dictionary<string, (string Channel, int Version)> inHistory = [];

    /// <summary>Accepted sends by message id, those included that had no ack but were shown.</summary>
    public IReadOnlyDictionary<string, Sending> Accepted => accepted;

    /// <summary>How many messages had to be shown, over all devices.</summary>
    public int Expected { get; private set; }

    public void Run()
    {
        foreach (var sending in ledger.Sends)
        {
            if (sending.MessageId is null) continue;
            if (!accepted.TryAdd(sending.MessageId, sending)) failures.Add(Rule.TwoVerdicts, $"{sending} was acked with the id of {accepted[sending.MessageId]}.");
        }
        CheckHistories();
        foreach (var (device, shown) in ledger.Shown) CheckShown(device, shown);
        CheckNothingLost();
        CheckReceipts();
    }

    private void CheckHistories()
    {
        foreach (var (channel, histories) in ledger.Histories)
        {
            foreach (var history in histories)
            {
                var ids = new HashSet<string>();
                foreach (var message in history.Messages)
                {
                    if (!ids.Add(message.MessageId)) failures.Add(Rule.Duplicated, $"History of {channel} as {history.Device} reads it has {message.MessageId} twice.");
                    if (Identify(message.MessageId, channel, message.Content, message.Sender, $"history of {channel}") is null) continue;
                    inHistory[message.MessageId] = (channel, message.ChannelVersion);
                }
            }
        }
    }

    private void CheckShown(string device, List<MessageShown> shown)
    {
        var ids = new HashSet<string>();
        foreach (var message in shown)
        {
            if (!ids.Add(message.MessageId)) failures.Add(Rule.Duplicated, $"Device {device} showed {message.MessageId} twice, again at {message.At} us.");
            if (Identify(message.MessageId, message.Channel, message.Content, message.Sender, $"device {device}") is null) continue;
            if (!message.Live || !ledger.Devices.TryGetValue(device, out var user) || !inHistory.TryGetValue(message.MessageId, out var place)) continue;
            if (ledger.MembersAt(place.Channel, place.Version) is { } members && !members.Contains(user))
            {
                failures.Add(Rule.Leaked, $"Device {device} of {user} was shown {message.MessageId}, judged by version {place.Version} of {place.Channel}, of which {user} is no member.");
            }
        }
    }

    /// <summary>The send behind a message that is shown or in history; null (and a failure) when there is none.</summary>
    private Sending? Identify(string messageId, string channel, string content, string sender, string where)
    {
        if (!ledger.ByContent.TryGetValue(content, out var sending))
        {
            failures.Add(Rule.Phantom, $"{where}: message {messageId} has content that nobody sent.");
            return null;
        }
        if (sending.MessageId is null)
        {
            // No ack was recorded: its outcome was unknown, and now is known.
            sending.MessageId = messageId;
            if (!accepted.TryAdd(messageId, sending)) failures.Add(Rule.Duplicated, $"{where}: {sending} has the id of {accepted[messageId]}.");
        }
        if (sending.MessageId != messageId)
        {
            failures.Add(Rule.Duplicated, $"{where}: {sending} is also there as {messageId}.");
            return null;
        }
        if (sending.RefusedWith is not null) failures.Add(Rule.Phantom, $"{where}: {sending} is shown although its sender was told {sending.RefusedWith}.");
        if (sending.Sent.Channel != channel) failures.Add(Rule.Phantom, $"{where}: {sending} is in channel {channel}.");
        if (ledger.Devices.TryGetValue(sending.Sent.Device, out var user) && user != sender) failures.Add(Rule.Phantom, $"{where}: {sending} is shown as sent by {sender}, not {user}.");
        return sending;
    }

    private void CheckNothingLost()
    {
        var shownTo = ledger.Shown.ToDictionary(s => s.Key, s => s.Value.Select(m => m.MessageId).ToHashSet());
        foreach (var (id, sending) in accepted)
        {
            var channel = sending.Sent.Channel;
            var version = int.MaxValue;
            if (ledger.Histories.ContainsKey(channel))
            {
                if (inHistory.TryGetValue(id, out var place)) version = place.Version;
                else failures.Add(Rule.Lost, $"{sending} is not in the history of its channel.");
            }
            else
            {
                failures.Add(Rule.Incomplete, $"The history of channel {channel} was not recorded.");
            }
            if (ledger.MembersAt(channel, version) is not { } members)
            {
                failures.Add(Rule.Incomplete, $"The members of channel {channel} were not recorded.");
                continue;
            }
            foreach (var (device, user) in ledger.Devices)
            {
                if (!members.Contains(user)) continue;
                Expected++;
                if (!shownTo.TryGetValue(device, out var shown) || !shown.Contains(id)) failures.Add(Rule.Lost, $"{sending} was never shown on device {device} of {user}.");
            }
        }
    }

    private void CheckReceipts()
    {
        var shownTo = new Dictionary<string, HashSet<string>>();
        foreach (var (device, user) in ledger.Devices)
        {
            if (!shownTo.TryGetValue(user, out var ids)) shownTo.Add(user, ids = []);
            foreach (var message in ledger.Shown.GetValueOrDefault(device) ?? []) ids.Add(message.MessageId);
        }
        foreach (var receipt in ledger.Receipts)
        {
            if (!shownTo.TryGetValue(receipt.User, out var ids)) continue;
            foreach (var upTo in new[] { receipt.DeliveredUpTo, receipt.ReadUpTo })
            {
                if (upTo is not null && accepted.ContainsKey(upTo) && !ids.Contains(upTo))
                {
                    failures.Add(Rule.ReceiptAhead, $"Device {receipt.Device} was told that {receipt.User} has {upTo}, which no device of {receipt.User} was shown.");
                }
            }
        }
    }
}
