using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Channels;

/// <summary>
/// Who may tell the state of a channel: a group's only its home. A direct channel certifies itself, because its id is a hash of its two members; so the home of
/// either may, and nothing in it can be forged but that the channel exists. Members and name keep to the limits that our own users have: a store may not take others as keys,
/// and would be asked again for ever. Pure, so that a replay decides the same.
/// </summary>
public static class SnapshotRules
{
    public static bool MaySend(string channelId, ChannelSnapshot snapshot, string fromCell, ICellDirectory cells)
    {
        if (fromCell == cells.CellName || snapshot.Version < 1 || snapshot.Members.Count > ProtocolLimits.MaxChannelMembers) return false;
        if (!ChannelId.TryGetType(channelId, out var type) || type != snapshot.Type) return false;
        var users = new HashSet<string>();
        foreach (var member in snapshot.Members)
        {
            if (member.Role is < MemberRole.Member or > MemberRole.Owner || !UserId.IsValid(member.UserId) || !users.Add(member.UserId)) return false;
        }
        if (type == ChannelType.Group) return ChannelRules.IsName(snapshot.Name) && ChannelId.HomeOfGroup(channelId) == fromCell && snapshot.Home == fromCell;
        if (snapshot.Members.Count != 2 || snapshot.Version != 1 || snapshot.Name is not null) return false;
        var (one, other) = (snapshot.Members[0], snapshot.Members[1]);
        if (one.Role != MemberRole.Member || other.Role != MemberRole.Member || channelId != ChannelId.ForDirect(one.UserId, other.UserId)) return false;
        return snapshot.Home == ChannelRules.HomeOfDirect(one.UserId, other.UserId, cells) && (LivesIn(one.UserId) || LivesIn(other.UserId));

        bool LivesIn(string userId) => cells.TryGetHome(userId, out var home) && home == fromCell;
    }
}
