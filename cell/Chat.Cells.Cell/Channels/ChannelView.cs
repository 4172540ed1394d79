using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Channels;

/// <summary>A channel as it stood just before a log position: who its members were, with which roles, at which version.</summary>
public sealed class ChannelView
{
    private readonly Dictionary<string, MemberRole> roles;

    private ChannelView(ChannelRow row)
    {
        Row = row;
        roles = new Dictionary<string, MemberRole>(row.Members.Count);
        var members = new List<SnapshotMember>();
        foreach (var interval in row.Members)
        {
            if (interval.Until is not null) continue;
            if (roles.TryAdd(interval.UserId, interval.Role)) members.Add(new SnapshotMember(interval.UserId, interval.Role));
        }
        Members = members;
    }

    /// <summary>The channel's row, as of this view's position.</summary>
    public ChannelRow Row { get; }

    /// <summary>The members then, in no particular order.</summary>
    public IReadOnlyList<SnapshotMember> Members { get; }

    public bool IsMember(string userId) => roles.ContainsKey(userId);

    /// <summary>The user's role; null for a non-member.</summary>
    public MemberRole? RoleOf(string userId) => roles.TryGetValue(userId, out var role) ? role : null;

    /// <summary>The channel as its row says it is now.</summary>
    public static ChannelView Current(ChannelRow row) => new(row);

    /// <summary>
    /// The channel as it stood before the record at <paramref name="position"/>, from a row that may already hold later changes; null when it did not exist.
    /// Members, roles and version are exact, because every version opens an interval (see <see cref="Membership"/>); the name is the row's, which no decision reads.
    /// </summary>
    public ChannelView? Before(long position)
    {
        if (Row.Position < position) return this;
        var intervals = new List<MemberInterval>(Row.Members.Count);
        var version = 0;
        foreach (var interval in Row.Members)
        {
            if (interval.From >= position) continue;
            version = Math.Max(version, interval.Version);
            intervals.Add(interval.Until >= position ? interval with { Until = null } : interval);
        }
        return intervals.Count == 0 ? null : new ChannelView(Row with { Version = version, Position = position - 1, Members = intervals });
    }
}
