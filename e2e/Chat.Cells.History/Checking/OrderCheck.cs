namespace Chat.Cells.History.Checking;

/// <summary>The order by id is one and the same: in timelines, in history, by sender, by cause.</summary>
internal sealed class OrderCheck(Ledger ledger, FailureLog failures, IReadOnlyDictionary<string, Sending> accepted)
{
    public void Run()
    {
        CheckHistories();
        CheckTimelines();
        CheckSenders();
        CheckCauses();
    }

    private void CheckHistories()
    {
        foreach (var (channel, histories) in ledger.Histories)
        {
            var longest = histories.MaxBy(h => h.Messages.Count)!;
            var reference = longest.Messages.Select(m => m.MessageId).ToArray();
            foreach (var history in histories)
            {
                var ids = history.Messages.Select(m => m.MessageId).ToArray();
                CheckAscending(ids, $"History of {channel} as {history.Device} reads it");
                // A member who joined later may be given less of it, never something else.
                if (!reference.AsSpan(reference.Length - ids.Length).SequenceEqual(ids))
                {
                    failures.Add(Rule.OrderDiffers, $"History of {channel} differs between {history.Device} and {longest.Device}.");
                }
            }
        }
    }

    private void CheckTimelines()
    {
        var final = new HashSet<(string Device, string Id)>();
        foreach (var timeline in ledger.Timelines)
        {
            CheckAscending(timeline.MessageIds, $"The timeline of {timeline.Channel} on device {timeline.Device}");
            var history = ledger.Histories.GetValueOrDefault(timeline.Channel)?.SelectMany(h => h.Messages).Select(m => m.MessageId).ToHashSet() ?? [];
            foreach (var id in timeline.MessageIds)
            {
                if (!final.Add((timeline.Device, id))) failures.Add(Rule.Duplicated, $"The timeline of {timeline.Channel} on device {timeline.Device} has {id} twice.");
                if (!history.Contains(id)) failures.Add(Rule.OrderDiffers, $"Device {timeline.Device} shows {id} in {timeline.Channel}, history does not.");
            }
        }
        foreach (var (device, shown) in ledger.Shown)
        {
            foreach (var message in shown)
            {
                if (!final.Contains((device, message.MessageId)))
                {
                    failures.Add(Rule.OrderDiffers, $"Device {device} showed {message.MessageId} in {message.Channel} and no longer has it at the end.");
                }
            }
        }
    }

    private void CheckAscending(IReadOnlyList<string> ids, string where)
    {
        for (var i = 1; i < ids.Count; i++)
        {
            if (string.CompareOrdinal(ids[i - 1], ids[i]) > 0) failures.Add(Rule.OrderDiffers, $"{where}: {ids[i]} stands after {ids[i - 1]}.");
        }
    }

    private void CheckSenders()
    {
        var last = new Dictionary<(string Device, string Channel), Sending>();
        foreach (var sending in ledger.Sends)
        {
            if (sending.MessageId is null) continue;
            var key = (sending.Sent.Device, sending.Sent.Channel);
            if (last.TryGetValue(key, out var before) && string.CompareOrdinal(before.MessageId, sending.MessageId) >= 0)
            {
                failures.Add(Rule.SenderOrder, $"{sending} was sent after {before} but sorts before it.");
            }
            last[key] = sending;
        }
    }

    private void CheckCauses()
    {
        foreach (var (id, sending) in accepted)
        {
            CheckCause(id, sending, sending.Sent.After, "its sender had seen");
            CheckCause(id, sending, sending.Sent.ReplyTo, "it answers");
        }
    }

    private void CheckCause(string id, Sending sending, string? cause, string relation)
    {
        if (cause is not null && string.CompareOrdinal(cause, id) >= 0) failures.Add(Rule.BeforeItsCause, $"{sending} sorts before {cause}, which {relation}.");
    }
}
