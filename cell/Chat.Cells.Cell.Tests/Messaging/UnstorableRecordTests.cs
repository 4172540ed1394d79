using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging.Doubles;

namespace Chat.Cells.Cell.Tests.Messaging;

/// <summary>Records that some store would refuse whenever they are tried.</summary>
public sealed class UnstorableRecordTests
{
    private readonly TestCell cell = new();

    [Theory]
    [InlineData("")]
    [InlineData("anna")]
    [InlineData("b.01hzzzzzzzzzzzzzzzzzzzzzb1")]
    public async Task Snapshot_OfAPeerWithAMemberThatIsNoUser_IsRefusedAndTheRestGoesOn(string userId)
    {
        var foreign = ChannelId.ForGroup("b", Say.Xena, "create");
        SnapshotMember[] members = [new(Say.Xena, MemberRole.Owner), new(userId, MemberRole.Member)];
        cell.Add(new SnapshotRecord(foreign, new ChannelSnapshot(ChannelType.Group, "two", "b", 1, 7, members), "b"));
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));

        await cell.RunAllAsync();

        Assert.Equal([Say.Group], cell.Store.Channels.Keys);
        Assert.Single(cell.Store.Messages);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public async Task Record_WhoseSenderNoStoreTakesAsAKey_GoesToDeadAndTheRestGoesOn(string? sender)
    {
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, sender ?? new string('a', 70_000), "m1"));
        cell.Add(Say.Send(Say.Group, Say.Anna, sender is null ? new string('r', 70_000) : ""));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));

        await cell.RunAllAsync();

        Assert.Equal([1L, 2], cell.Log.Records(new TopicPartition(Topics.Dead, 0)).Select(r => DeadLetter.Decode(r.Value).Offset));
        Assert.Equal(["create", "m1"], cell.State.Verdicts.Select(v => v.RequestId));
    }
}
