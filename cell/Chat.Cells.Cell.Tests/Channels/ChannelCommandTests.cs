using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Channels;

public sealed class ChannelCommandTests
{
    private readonly TestCell cell = new();

    [Fact]
    public async Task CreateDirect_Twice_IsOneChannelWhoeverStarts()
    {
        cell.Add(Say.CreateDirect(Say.Anna, Say.Ben));
        cell.Add(Say.CreateDirect(Say.Ben, Say.Anna));
        await cell.RunAllAsync();
        var channel = Assert.Single(cell.Store.Channels.Values);
        Assert.Equal(1, channel.Version);
        Assert.Equal("a", channel.Home);
        Assert.All(cell.State.Verdicts, v => Assert.Null(v.ErrorCode));
        Assert.Single(cell.InboxOf(Say.Anna));
        Assert.Single(cell.InboxOf(Say.Ben));
    }

    [Fact]
    public async Task CreateDirect_WithOneself_UnknownCellOrOtherId_IsBad()
    {
        cell.Add(Say.CreateDirect(Say.Anna, Say.Anna, "self"));
        cell.Add(Say.CreateDirect(Say.Anna, "mars.01HZZZZZZZZZZZZZZZZZZZZZM1", "mars"));
        cell.Add(Say.CreateDirect(Say.Anna, Say.Ben, "other") with { ChannelId = ChannelId.ForDirect(Say.Anna, Say.Cleo) });
        await cell.RunAllAsync();
        Assert.All(["self", "mars", "other"], r => Assert.Equal(ErrorCodes.BadRequest, ErrorOf(r)));
        Assert.Empty(cell.Store.Channels);
    }

    [Fact]
    public async Task Direct_AnyChange_IsForbidden()
    {
        cell.Add(Say.CreateDirect(Say.Anna, Say.Ben));
        var id = ChannelId.ForDirect(Say.Anna, Say.Ben);
        cell.Add(Say.Rename(id, Say.Anna, "rename", "x"));
        cell.Add(Say.Command(id, Say.Anna, "leave", ChannelCommand.RemoveMembers, MemberRole.Member, Say.Anna));
        cell.Add(Say.Command(id, Say.Cleo, "intrude", ChannelCommand.AddMembers, MemberRole.Member, Say.Cleo));
        await cell.RunAllAsync();
        Assert.Equal([ErrorCodes.Forbidden, ErrorCodes.Forbidden, ErrorCodes.NotMember], new[] { "rename", "leave", "intrude" }.Select(ErrorOf));
    }

    [Fact]
    public async Task CreateGroup_IdOfAnotherCreatorOrNoName_IsBad()
    {
        cell.Add(Say.CreateGroup() with { ChannelId = ChannelId.ForGroup("a", Say.Ben, "create") });
        cell.Add(Say.CreateGroup() with { Name = " ", ChannelId = ChannelId.ForGroup("a", Say.Anna, "blank"), Origin = Say.Origin(Say.Anna, "blank") });
        await cell.RunAllAsync();
        Assert.Equal(ErrorCodes.BadRequest, ErrorOf("create"));
        Assert.Equal(ErrorCodes.BadRequest, ErrorOf("blank"));
        Assert.Empty(cell.Store.Channels);
    }

    [Fact]
    public async Task Roles_EachRule_Holds()
    {
        cell.Add(Say.CreateGroup(Say.Ben, Say.Cleo));
        var expected = new List<string?>();
        void Do(CommandRecord command, string? error)
        {
            cell.Add(command with { Origin = command.Origin with { RequestId = "c" + expected.Count } });
            expected.Add(error);
        }

        Do(Say.Rename(Say.Group, Say.Ben, "", "x"), ErrorCodes.Forbidden);
        Do(Say.Command(Say.Group, Say.Ben, "", ChannelCommand.AddMembers, MemberRole.Member, Say.Dora), ErrorCodes.Forbidden);
        Do(Say.Command(Say.Group, Say.Ben, "", ChannelCommand.RemoveMembers, MemberRole.Member, Say.Cleo), ErrorCodes.Forbidden);
        Do(Say.Command(Say.Group, Say.Ben, "", ChannelCommand.SetRole, MemberRole.Owner, Say.Ben), ErrorCodes.Forbidden);
        Do(Say.Command(Say.Group, Say.Anna, "", ChannelCommand.SetRole, MemberRole.Admin, Say.Ben), null);
        Do(Say.Rename(Say.Group, Say.Ben, "", "Pals"), null);
        Do(Say.Command(Say.Group, Say.Ben, "", ChannelCommand.AddMembers, MemberRole.Admin, Say.Dora), ErrorCodes.Forbidden);
        Do(Say.Command(Say.Group, Say.Ben, "", ChannelCommand.AddMembers, MemberRole.Member, Say.Dora), null);
        Do(Say.Command(Say.Group, Say.Ben, "", ChannelCommand.RemoveMembers, MemberRole.Member, Say.Anna), ErrorCodes.Forbidden);
        Do(Say.Command(Say.Group, Say.Ben, "", ChannelCommand.SetRole, MemberRole.Member, Say.Ben), ErrorCodes.Forbidden);
        Do(Say.Command(Say.Group, Say.Ben, "", ChannelCommand.RemoveMembers, MemberRole.Member, Say.Cleo), null);
        Do(Say.Command(Say.Group, Say.Anna, "", ChannelCommand.SetRole, MemberRole.Admin, Say.Cleo), ErrorCodes.NotFound);
        Do(Say.Command(Say.Group, Say.Anna, "", ChannelCommand.SetRole, MemberRole.Member, Say.Anna), ErrorCodes.Forbidden);
        Do(Say.Command(Say.Group, Say.Anna, "", ChannelCommand.RemoveMembers, MemberRole.Member, Say.Anna), ErrorCodes.Forbidden);
        Do(Say.Command(Say.Group, Say.Anna, "", ChannelCommand.SetRole, MemberRole.Owner, Say.Dora), null);
        Do(Say.Command(Say.Group, Say.Anna, "", ChannelCommand.RemoveMembers, MemberRole.Member, Say.Anna), null);
        Do(Say.Rename(Say.Group, Say.Anna, "", "Mine"), ErrorCodes.NotMember);
        Do(Say.Rename(Say.Group, Say.Ben, "", ""), ErrorCodes.BadRequest);
        await cell.RunAllAsync();

        Assert.Equal(expected, Enumerable.Range(0, expected.Count).Select(i => ErrorOf("c" + i)));
        var row = cell.Store.Channels[Say.Group];
        Assert.Equal("Pals", row.Name);
        Assert.Equal(
            [(Say.Ben, MemberRole.Admin), (Say.Dora, MemberRole.Owner)],
            ChannelView.Current(row).Members.Select(m => (m.UserId, m.Role)).Order());
        Assert.Equal(7, row.Version);
    }

    [Fact]
    public async Task LastMember_Leaves_TheGroupIsEmptyForGood()
    {
        cell.Add(Say.CreateGroup());
        cell.Add(Say.Command(Say.Group, Say.Anna, "leave", ChannelCommand.RemoveMembers, MemberRole.Member, Say.Anna));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.RunAllAsync();
        Assert.Null(ErrorOf("leave"));
        Assert.Equal(ErrorCodes.NotMember, ErrorOf("m1"));
        Assert.Equal(2, cell.InboxOf(Say.Anna).Count);
    }

    [Fact]
    public async Task AddMembers_The101st_IsRefused()
    {
        var users = Enumerable.Range(0, ProtocolLimits.MaxChannelMembers - 1).Select(i => $"a.01HZZZZZZZZZZZZZZZZZZZ{i:D4}").ToArray();
        cell.Add(Say.CreateGroup(users));
        cell.Add(Say.Command(Say.Group, Say.Anna, "more", ChannelCommand.AddMembers, MemberRole.Member, Say.Ben));
        cell.Add(Say.Command(Say.Group, Say.Anna, "again", ChannelCommand.AddMembers, MemberRole.Member, users[0]));
        await cell.RunAllAsync();
        Assert.Null(ErrorOf("create"));
        Assert.Equal(ErrorCodes.ChannelFull, ErrorOf("more"));
        Assert.Null(ErrorOf("again"));
        Assert.Equal(1, cell.Store.Channels[Say.Group].Version);
    }

    [Fact]
    public async Task Member_JoinsAndLeaves_GetsExactlyWhatWasSaidMeanwhile()
    {
        cell.Add(Say.CreateGroup());
        cell.Add(Say.Send(Say.Group, Say.Anna, "before"));
        cell.Add(Say.Command(Say.Group, Say.Anna, "add", ChannelCommand.AddMembers, MemberRole.Member, Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "during"));
        cell.Add(Say.Send(Say.Group, Say.Ben, "mine"));
        cell.Add(Say.Command(Say.Group, Say.Ben, "leave", ChannelCommand.RemoveMembers, MemberRole.Member, Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "after"));
        cell.Add(Say.Send(Say.Group, Say.Ben, "late"));
        await cell.RunAllAsync();

        Assert.Equal(["", "during", "mine", ""], cell.InboxOf(Say.Ben).Select(e => e.RequestId));
        var removal = System.Text.Encoding.UTF8.GetString(cell.InboxOf(Say.Ben)[^1].Payload.Span);
        Assert.Contains("\"removed\":true", removal, StringComparison.Ordinal);
        Assert.DoesNotContain(Say.Anna, removal, StringComparison.Ordinal);
        Assert.Equal(ErrorCodes.NotMember, ErrorOf("late"));
        Assert.DoesNotContain("removed", System.Text.Encoding.UTF8.GetString(cell.InboxOf(Say.Anna).Last(e => e.Kind == InboxKind.ChannelChanged).Payload.Span), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Change_WithMembersElsewhere_SendsTheStateToTheirCells()
    {
        cell.Add(Say.CreateGroup(Say.Ben, Say.Xena));
        cell.Add(Say.Command(Say.Group, Say.Anna, "kick", ChannelCommand.RemoveMembers, MemberRole.Member, Say.Xena));
        cell.Add(Say.Rename(Say.Group, Say.Anna, "rename", "Quiet"));
        await cell.RunAllAsync();
        var snapshots = Enumerable.Range(0, TestCell.Topics.Bridge)
            .SelectMany(p => cell.Log.Records(new TopicPartition(Topics.BridgeTo("b"), p)))
            .Select(r => (SnapshotRecord)ChannelRecord.Decode(((BridgedChannelRecord)BridgeRecord.Decode(r.Value).Body).Record)).ToList();
        Assert.Equal([1, 2], snapshots.Select(s => s.Snapshot.Version));
        Assert.Equal(3, snapshots[0].Snapshot.Members.Count);
        Assert.Equal(2, snapshots[1].Snapshot.Members.Count);
    }

    [Fact]
    public async Task Command_ForAGroupHomedElsewhere_IsPassedOnOnlyWhenTheActorMay()
    {
        var there = new TestCell("b");
        there.Add(new SnapshotRecord(Say.Group, Snapshot(1, (Say.Anna, MemberRole.Owner), (Say.Xena, MemberRole.Admin), (Say.Yuri, MemberRole.Member)), "a"));
        there.Add(Say.Rename(Say.Group, Say.Xena, "r1", "Ours"));
        there.Add(Say.Rename(Say.Group, Say.Yuri, "r2", "Mine"));
        there.Add(Say.Rename(Say.Group, Say.Xena, "r1", "Ours"));
        await there.RunAllAsync();

        var passedOn = Enumerable.Range(0, TestCell.Topics.Bridge)
            .SelectMany(p => there.Log.Records(new TopicPartition(Topics.BridgeTo("a"), p)))
            .Select(r => (CommandRecord)ChannelRecord.Decode(((BridgedChannelRecord)BridgeRecord.Decode(r.Value).Body).Record)).ToList();
        var command = Assert.Single(passedOn);
        Assert.Equal(("Ours", Say.Xena, ""), (command.Name, command.Origin.UserId, command.Origin.ServerId));
        Assert.Equal("Friends", there.Store.Channels[Say.Group].Name);
        Assert.Equal([null, ErrorCodes.Forbidden, null], there.State.Verdicts.Select(v => v.ErrorCode));
    }

    [Fact]
    public async Task BridgedCommand_JudgedAtHome_ChangesTheChannelAndAnswersNoGateway()
    {
        cell.Directory.KnowsC = true;
        cell.Add(Say.CreateGroup(Say.Xena));
        cell.Add(Say.Command(Say.Group, Say.Anna, "promote", ChannelCommand.SetRole, MemberRole.Admin, Say.Xena));
        cell.Add(Say.Rename(Say.Group, Say.Xena, "r1", "Ours") with { FromCell = "b" });
        cell.Add(Say.Rename(Say.Group, Say.Xena, "r2", "Forged") with { FromCell = "c" });
        cell.Add(Say.Rename(Say.Group, Say.Anna, "r3", "Forged") with { FromCell = "b" });
        await cell.RunAllAsync();
        Assert.Equal("Ours", cell.Store.Channels[Say.Group].Name);
        Assert.DoesNotContain(cell.State.Verdicts, v => v.RequestId is "r1" or "r2" or "r3");
    }

    [Fact]
    public async Task Snapshot_OlderOrNotFromTheHome_ChangesNothing()
    {
        var there = new TestCell("b") { Directory = { KnowsC = true } };
        there.Add(new SnapshotRecord(Say.Group, Snapshot(3, (Say.Anna, MemberRole.Owner), (Say.Xena, MemberRole.Member)), "a"));
        there.Add(new SnapshotRecord(Say.Group, Snapshot(2, (Say.Anna, MemberRole.Owner)), "a"));
        there.Add(new SnapshotRecord(Say.Group, Snapshot(9, (Say.Yuri, MemberRole.Owner)), "c"));
        there.Add(new SnapshotRecord(Say.Group, Snapshot(9, (Say.Yuri, MemberRole.Owner)) with { Home = "c" }, "a"));
        await there.RunAllAsync();
        Assert.Equal(3, there.Store.Channels[Say.Group].Version);
        Assert.Single(there.InboxOf(Say.Xena));
        Assert.Empty(there.InboxOf(Say.Yuri));
    }

    [Fact]
    public async Task DirectSnapshot_FromEitherHome_CertifiesItselfByItsId()
    {
        var id = ChannelId.ForDirect(Say.Anna, Say.Xena);
        var genuine = new ChannelSnapshot(ChannelType.Direct, null, "a", 1, 5, [new(Say.Anna, MemberRole.Member), new(Say.Xena, MemberRole.Member)]);
        cell.Add(new SnapshotRecord(id, genuine with { Members = [new(Say.Anna, MemberRole.Member), new(Say.Yuri, MemberRole.Member)] }, "b"));
        cell.Add(new SnapshotRecord(id, genuine with { Home = "b" }, "b"));
        await cell.RunAllAsync();
        Assert.Empty(cell.Store.Channels);
        cell.Add(new SnapshotRecord(id, genuine, "b"));
        await cell.RunAllAsync();
        Assert.Equal("a", cell.Store.Channels[id].Home);
        Assert.Single(cell.InboxOf(Say.Anna));
    }

    private static ChannelSnapshot Snapshot(int version, params (string User, MemberRole Role)[] members) =>
        new(ChannelType.Group, "Friends", "a", version, 5, [.. members.Select(m => new SnapshotMember(m.User, m.Role))]);

    private string? ErrorOf(string request) => cell.State.Verdicts.Last(v => v.RequestId == request).ErrorCode;
}
