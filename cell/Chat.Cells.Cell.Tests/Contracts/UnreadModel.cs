using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>A user's inbox as a plain list, and what is unread after each event by the definition: what no read covers, since the user came.</summary>
/// <param name="cursors">Whether reads say how far into the inbox they went; those of before read cursors don't.</param>
internal sealed class UnreadModel(bool cursors)
{
    private readonly List<Event> events = [];
    private int newest = 1_000;

    public int Length => events.Count;

    public static InboxCursor CursorOf(int length) => new(1, 2_900, length);

    public void Grow(Random random)
    {
        var channel = "g:" + random.Next(3);
        var kind = random.Next(20);
        if (kind == 0) Add(channel, 'l');
        else if (kind < 5) Add(channel, 'r', Id(newest - random.Next(40)), cursors ? CursorOf(Math.Max(0, Length - random.Next(30))) : null);
        else if (kind < 8) Add(channel, 'm', Id(newest - random.Next(60))); // late from another cell
        else for (var i = random.Next(70); i >= 0; i--) Add(channel, 'm', Id(++newest));
    }

    /// <summary>The update of a batch that holds the events above <paramref name="from"/> up to <paramref name="to"/>.</summary>
    public UnreadUpdate Update(string user, int from, int to)
    {
        var changes = new List<UnreadChange>();
        foreach (var group in events.Take(to).Skip(from).GroupBy(e => e.Channel))
        {
            var happened = group.ToList();
            var left = happened.FindLastIndex(e => e.Kind == 'l');
            changes.Add(new UnreadChange(group.Key, left >= 0, [.. happened.Skip(left + 1).Where(e => e.Kind == 'm').Select(e => new UnreadMessage(e.Id, e.At))], MarkOf(happened)));
        }
        return new UnreadUpdate(user, CursorOf(from), CursorOf(to), changes);
    }

    public IReadOnlyList<ChannelUnread> CountsAt(int length) =>
        [.. SetsAt(length).Select(s => new ChannelUnread(s.Channel, Math.Min(s.Messages.Count, UnreadLimits.Cap), s.Read.UpTo)).Where(c => c.Count > 0)];

    /// <summary>What the store says now.</summary>
    public IReadOnlyList<UnreadIds> Stored() =>
        [.. SetsAt(Length).Select(s => new UnreadIds(
            s.Channel, [.. s.Messages.OrderByDescending(m => m.Id).Take(UnreadLimits.Cap)], s.Read, s.Messages.Count > UnreadLimits.Cap ? CursorOf(Length) : null))];

    private void Add(string channel, char kind, Ulid id = default, InboxCursor? cursor = null) => events.Add(new Event(channel, kind, id, CursorOf(Length + 1), cursor));

    private static ReadMark MarkOf(IEnumerable<Event> happened) =>
        happened.Where(e => e.Kind == 'r').Aggregate(default(ReadMark), (mark, read) => mark.Merge(ReadMark.Of(read.Id, read.ReadCursor)));

    private IEnumerable<(string Channel, List<UnreadMessage> Messages, ReadMark Read)> SetsAt(int length) =>
        events.Take(length).GroupBy(e => e.Channel).OrderBy(g => g.Key, StringComparer.Ordinal).Select(group =>
        {
            var happened = group.ToList();
            var read = MarkOf(happened);
            var since = happened.FindLastIndex(e => e.Kind == 'l') + 1;
            var unread = happened.Skip(since).Where(e => e.Kind == 'm' && !read.Covers(e.Id, e.At)).GroupBy(e => e.Id);
            return (group.Key, unread.Select(same => new UnreadMessage(same.Key, same.Max(e => e.At))).ToList(), read);
        });

    private static Ulid Id(int number) => new(BitConverter.GetBytes(number).Reverse().Concat(new byte[12]).ToArray());

    /// <param name="At">Its cursor.</param>
    private readonly record struct Event(string Channel, char Kind, Ulid Id, InboxCursor At, InboxCursor? ReadCursor);
}
