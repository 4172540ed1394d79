using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Channels;

/// <summary>
/// Member intervals over log positions. Every change of a channel opens at least one interval with its version (where nobody joins, the first remaining member's
/// interval is closed and opened again with the same role), so that the version and the members of any earlier position can be read from the intervals alone.
/// </summary>
public static class Membership
{
    /// <summary>The row after a change at <paramref name="position"/> to exactly <paramref name="members"/>.</summary>
    public static ChannelRow Change(ChannelRow row, IReadOnlyList<SnapshotMember> members, string? name, int version, long position)
    {
        var wanted = new Dictionary<string, MemberRole>(members.Count);
        foreach (var member in members) wanted[member.UserId] = member.Role;

        var intervals = new List<MemberInterval>(row.Members.Count + members.Count);
        foreach (var interval in row.Members)
        {
            if (interval.Until is not null)
            {
                intervals.Add(interval);
            }
            else if (wanted.TryGetValue(interval.UserId, out var role) && role == interval.Role)
            {
                intervals.Add(interval);
                wanted.Remove(interval.UserId);
            }
            else
            {
                intervals.Add(interval with { Until = position });
            }
        }
        var opened = false;
        foreach (var member in members)
        {
            if (!wanted.Remove(member.UserId)) continue;
            intervals.Add(new MemberInterval(member.UserId, member.Role, position, null, version));
            opened = true;
        }
        if (!opened) Reopen(intervals, version, position);
        return row with { Name = name, Version = version, Position = position, Members = intervals };
    }

    private static void Reopen(List<MemberInterval> intervals, int version, long position)
    {
        var index = intervals.FindIndex(i => i.Until is null);
        if (index < 0) return;
        var interval = intervals[index];
        intervals[index] = interval with { Until = position };
        intervals.Add(interval with { From = position, Version = version });
    }
}
