using System.Diagnostics.CodeAnalysis;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Channels;

/// <summary>
/// Who may change a channel, and how. Pure: the channel before the command in, the outcome out.
/// Owners and admins rename, add members and remove plain members; only owners give roles, add with a role, and remove admins and owners; anyone may leave. A group that
/// still has members keeps an owner: its last owner hands over first. Direct channels never change.
/// </summary>
public static class ChannelRules
{
    /// <summary>The longest name of a group, in UTF-16 units.</summary>
    public const int MaxNameLength = 200;

    public static ChannelOutcome Decide(ChannelView? before, CommandRecord command, ICellDirectory cells) => command.Command switch
    {
        ChannelCommand.Create when command.Type == ChannelType.Direct => CreateDirect(before, command, cells),
        ChannelCommand.Create => CreateGroup(before, command, cells),
        _ => Change(before, command, cells),
    };

    /// <summary>The cell that decides a direct channel's home: that of the ordinally smaller user.</summary>
    public static string? HomeOfDirect(string userId, string otherUserId, ICellDirectory cells)
    {
        var smaller = string.CompareOrdinal(userId, otherUserId) < 0 ? userId : otherUserId;
        return cells.TryGetHome(smaller, out var home) ? home : null;
    }

    private static ChannelOutcome CreateDirect(ChannelView? before, CommandRecord command, ICellDirectory cells)
    {
        var actor = command.Origin.UserId;
        if (command.UserIds.Count != 1) return ChannelOutcome.Refuse(ErrorCodes.BadRequest);
        var other = command.UserIds[0];
        if (other == actor || command.ChannelId != ChannelId.ForDirect(actor, other)) return ChannelOutcome.Refuse(ErrorCodes.BadRequest);
        if (!cells.TryGetHome(other, out _) || HomeOfDirect(actor, other, cells) is not { } home) return ChannelOutcome.Refuse(ErrorCodes.BadRequest);
        if (before is not null) return ChannelOutcome.Nothing;
        return ChannelOutcome.Become(home, null, [new SnapshotMember(actor, MemberRole.Member), new SnapshotMember(other, MemberRole.Member)]);
    }

    private static ChannelOutcome CreateGroup(ChannelView? before, CommandRecord command, ICellDirectory cells)
    {
        var actor = command.Origin.UserId;
        if (command.ChannelId != ChannelId.ForGroup(cells.CellName, actor, command.Origin.RequestId)) return ChannelOutcome.Refuse(ErrorCodes.BadRequest);
        if (!IsName(command.Name)) return ChannelOutcome.Refuse(ErrorCodes.BadRequest);
        if (before is not null) return ChannelOutcome.Nothing;
        var members = new List<SnapshotMember> { new(actor, MemberRole.Owner) };
        var error = Add(members, command.UserIds, MemberRole.Member, cells, out _);
        return error is not null ? ChannelOutcome.Refuse(error) : ChannelOutcome.Become(cells.CellName, command.Name, members);
    }

    private static ChannelOutcome Change(ChannelView? before, CommandRecord command, ICellDirectory cells)
    {
        if (before?.RoleOf(command.Origin.UserId) is not { } role) return ChannelOutcome.Refuse(ErrorCodes.NotMember);
        if (before.Row.Type == ChannelType.Direct) return ChannelOutcome.Refuse(ErrorCodes.Forbidden);
        return command.Command switch
        {
            ChannelCommand.Rename => Rename(before, role, command),
            ChannelCommand.AddMembers => AddMembers(before, role, command, cells),
            ChannelCommand.RemoveMembers => RemoveMembers(before, role, command),
            ChannelCommand.SetRole => SetRole(before, role, command),
            _ => throw new RecordFormatException($"Channel command {(byte)command.Command} is not known."),
        };
    }

    private static ChannelOutcome Rename(ChannelView before, MemberRole role, CommandRecord command)
    {
        if (role < MemberRole.Admin) return ChannelOutcome.Refuse(ErrorCodes.Forbidden);
        return IsName(command.Name) ? ChannelOutcome.Become(before.Row.Home, command.Name, before.Members) : ChannelOutcome.Refuse(ErrorCodes.BadRequest);
    }

    private static ChannelOutcome AddMembers(ChannelView before, MemberRole role, CommandRecord command, ICellDirectory cells)
    {
        if (!IsRole(command.Role) || command.UserIds.Count == 0) return ChannelOutcome.Refuse(ErrorCodes.BadRequest);
        if (role < MemberRole.Admin || (command.Role > MemberRole.Member && role != MemberRole.Owner)) return ChannelOutcome.Refuse(ErrorCodes.Forbidden);
        var members = new List<SnapshotMember>(before.Members);
        var error = Add(members, command.UserIds, command.Role, cells, out var added);
        if (error is not null) return ChannelOutcome.Refuse(error);
        return added ? ChannelOutcome.Become(before.Row.Home, before.Row.Name, members) : ChannelOutcome.Nothing;
    }

    private static ChannelOutcome RemoveMembers(ChannelView before, MemberRole role, CommandRecord command)
    {
        if (command.UserIds.Count == 0) return ChannelOutcome.Refuse(ErrorCodes.BadRequest);
        var gone = new HashSet<string>();
        foreach (var user in command.UserIds)
        {
            if (before.RoleOf(user) is not { } theirs) continue;
            var may = user == command.Origin.UserId || role == MemberRole.Owner || (role == MemberRole.Admin && theirs == MemberRole.Member);
            if (!may) return ChannelOutcome.Refuse(ErrorCodes.Forbidden);
            gone.Add(user);
        }
        if (gone.Count == 0) return ChannelOutcome.Nothing;
        var members = new List<SnapshotMember>(before.Members.Count);
        foreach (var member in before.Members)
        {
            if (!gone.Contains(member.UserId)) members.Add(member);
        }
        return members.Count > 0 && !HasOwner(members)
            ? ChannelOutcome.Refuse(ErrorCodes.Forbidden)
            : ChannelOutcome.Become(before.Row.Home, before.Row.Name, members);
    }

    private static ChannelOutcome SetRole(ChannelView before, MemberRole role, CommandRecord command)
    {
        if (!IsRole(command.Role) || command.UserIds.Count == 0) return ChannelOutcome.Refuse(ErrorCodes.BadRequest);
        if (role != MemberRole.Owner) return ChannelOutcome.Refuse(ErrorCodes.Forbidden);
        var named = new HashSet<string>(command.UserIds);
        foreach (var user in named)
        {
            if (!before.IsMember(user)) return ChannelOutcome.Refuse(ErrorCodes.NotFound);
        }
        var changed = false;
        var members = new List<SnapshotMember>(before.Members.Count);
        foreach (var member in before.Members)
        {
            var change = named.Contains(member.UserId) && member.Role != command.Role;
            changed |= change;
            members.Add(change ? member with { Role = command.Role } : member);
        }
        if (!changed) return ChannelOutcome.Nothing;
        return HasOwner(members) ? ChannelOutcome.Become(before.Row.Home, before.Row.Name, members) : ChannelOutcome.Refuse(ErrorCodes.Forbidden);
    }

    private static string? Add(List<SnapshotMember> members, IReadOnlyList<string> userIds, MemberRole role, ICellDirectory cells, out bool added)
    {
        added = false;
        var known = new HashSet<string>(members.Count + userIds.Count);
        foreach (var member in members) known.Add(member.UserId);
        foreach (var user in userIds)
        {
            if (!known.Add(user)) continue;
            if (!cells.TryGetHome(user, out _)) return ErrorCodes.BadRequest;
            members.Add(new SnapshotMember(user, role));
            added = true;
        }
        return members.Count > ProtocolLimits.MaxChannelMembers ? ErrorCodes.ChannelFull : null;
    }

    private static bool HasOwner(List<SnapshotMember> members)
    {
        foreach (var member in members)
        {
            if (member.Role == MemberRole.Owner) return true;
        }
        return false;
    }

    private static bool IsRole(MemberRole role) => role is MemberRole.Member or MemberRole.Admin or MemberRole.Owner;

    /// <summary>Whether a group may have this name.</summary>
    public static bool IsName([NotNullWhen(true)] string? name) => !string.IsNullOrWhiteSpace(name) && name.Length <= MaxNameLength;
}

/// <summary>What became of a command.</summary>
/// <param name="Error">Why it was refused; null when it was not.</param>
/// <param name="Members">The members after it; null when nothing changes.</param>
/// <param name="Home">The channel's home, where <paramref name="Members"/> is set.</param>
public sealed record ChannelOutcome(string? Error, IReadOnlyList<SnapshotMember>? Members, string? Name, string? Home)
{
    /// <summary>Accepted; everything already is as it asks.</summary>
    public static readonly ChannelOutcome Nothing = new(null, null, null, null);

    public static ChannelOutcome Refuse(string error) => new(error, null, null, null);

    public static ChannelOutcome Become(string home, string? name, IReadOnlyList<SnapshotMember> members) => new(null, members, name, home);
}
