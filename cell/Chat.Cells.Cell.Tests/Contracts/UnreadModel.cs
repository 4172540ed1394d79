using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>A user's inbox as a plain list, and what is unread after each event by the definition: ids above the read pointer, since the user came.</summary>
internal sealed class UnreadModel
{
    private readonly List<(string Channel, char Kind, Ulid Id)> events = [];
    private int newest = 1_000;

    public int Length => events.Count;

    public static InboxCursor CursorOf(int length) => new(1, 2_900, length);

    public void Grow(Random random)
    {
        var channel = "g:" + random.Next(3);
        var kind = random.Next(20);
        if (kind == 0) events.Add((channel, 'l', default));
        else if (kind < 5) events.Add((channel, 'r', Id(newest - random.Next(40))));
        else if (kind < 8) events.Add((channel, 'm', Id(newest - random.Next(60)))); // late from another cell
        else for (var i = random.Next(70); i >= 0; i--) events.Add((channel, 'm', Id(++newest)));
    }

    /// <summary>The update of a batch that holds the events above <paramref name="from"/> up to <paramref name="to"/>.</summary>
    public UnreadUpdate Update(string user, int from, int to)
    {
        var changes = new List<UnreadChange>();
        foreach (var group in events.Take(to).Skip(from).GroupBy(e => e.Channel))
        {
            var happened = group.ToList();
            var left = happened.FindLastIndex(e => e.Kind == 'l');
            var reads = happened.Where(e => e.Kind == 'r').Select(e => e.Id).ToList();
            changes.Add(new UnreadChange(group.Key, left >= 0, [.. happened.Skip(left + 1).Where(e => e.Kind == 'm').Select(e => e.Id)], reads.Count > 0 ? reads.Max() : null));
        }
        return new UnreadUpdate(user, CursorOf(from), CursorOf(to), changes);
    }

    public IReadOnlyList<ChannelUnread> CountsAt(int length) =>
        [.. SetsAt(length).Select(s => new ChannelUnread(s.Channel, Math.Min(s.Ids.Count, UnreadLimits.Cap), s.ReadUpTo)).Where(c => c.Count > 0)];

    /// <summary>What the store says now.</summary>
    public IReadOnlyList<UnreadIds> Stored() => [.. SetsAt(Length).Select(s => new UnreadIds(s.Channel, [.. s.Ids.OrderDescending().Take(UnreadLimits.Cap)], s.ReadUpTo))];

    private IEnumerable<(string Channel, List<Ulid> Ids, Ulid? ReadUpTo)> SetsAt(int length) =>
        events.Take(length).GroupBy(e => e.Channel).OrderBy(g => g.Key, StringComparer.Ordinal).Select(group =>
        {
            var happened = group.ToList();
            var reads = happened.Where(e => e.Kind == 'r').Select(e => e.Id).ToList();
            Ulid? readUpTo = reads.Count > 0 ? reads.Max() : null;
            var since = happened.FindLastIndex(e => e.Kind == 'l') + 1;
            return (group.Key, happened.Skip(since).Where(e => e.Kind == 'm' && !(e.Id <= readUpTo)).Select(e => e.Id).Distinct().ToList(), readUpTo);
        });

    private static Ulid Id(int number) => new(BitConverter.GetBytes(number).Reverse().Concat(new byte[12]).ToArray());
}
