using Chat.Cells.History.Recording;

namespace Chat.Cells.History.Checking;

/// <summary>A recording, indexed.</summary>
internal sealed class Ledger
{
    public List<Sending> Sends { get; } = [];

    public Dictionary<(string Device, string RequestId), Sending> ByRequest { get; } = [];

    public Dictionary<string, Sending> ByContent { get; } = [];

    /// <summary>Devices that must see everything, with their users.</summary>
    public Dictionary<string, string> Devices { get; } = [];

    /// <summary>Every device that did anything, with its user when known.</summary>
    public Dictionary<string, List<MessageShown>> Shown { get; } = [];

    public Dictionary<string, SortedDictionary<int, HashSet<string>>> Members { get; } = [];

    public List<FinalTimeline> Timelines { get; } = [];

    public Dictionary<string, List<FinalHistory>> Histories { get; } = [];

    public List<ReceiptShown> Receipts { get; } = [];

    /// <summary>Who is meant to see a message judged by a version; null when no members were recorded.</summary>
    public IReadOnlySet<string>? MembersAt(string channel, int version)
    {
        if (!Members.TryGetValue(channel, out var versions)) return null;
        HashSet<string>? found = null;
        foreach (var (v, members) in versions)
        {
            if (v > version && found is not null) break;
            found = members;
        }
        return found;
    }
}

/// <summary>One send and what became of it.</summary>
internal sealed class Sending(MessageSent sent)
{
    public MessageSent Sent { get; } = sent;

    public string? MessageId { get; set; }

    public bool IsAcked { get; set; }

    public string? RefusedWith { get; set; }

    public override string ToString() => $"\"{Brief(Sent.Content)}\" (request {Sent.RequestId} of device {Sent.Device}, channel {Sent.Channel}, id {MessageId ?? "none"})";

    private static string Brief(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
