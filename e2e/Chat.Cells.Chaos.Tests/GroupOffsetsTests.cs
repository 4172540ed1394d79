using Chat.Cells.Cell.Ports;
using Chat.Cells.Chaos.Steps;

namespace Chat.Cells.Chaos.Tests;

public sealed class GroupOffsetsTests
{
    private static readonly TopicPartition Partition = new("chat.inbox", 1);
    private readonly GroupOffsets offsets = new();

    [Fact]
    public void Commit_OfAFencedMember_IsRefused()
    {
        var first = offsets.Join("delivery");
        var second = offsets.Join("delivery");
        offsets.Commit("delivery", second, Partition, new CommittedOffset(5, "new"));
        offsets.Commit("delivery", first, Partition, new CommittedOffset(9, "old"));
        Assert.Equal(5, offsets.Find("delivery", Partition)!.NextOffset);
        Assert.Equal(1, offsets.Refused);
    }

    [Fact]
    public void LoseLast_FindsAnOlderCommit_ForgetNone()
    {
        var member = offsets.Join("delivery");
        for (var i = 1; i <= 3; i++) offsets.Commit("delivery", member, Partition, new CommittedOffset(i, ""));
        offsets.LoseLast("fanout", () => 2);
        Assert.Equal(3, offsets.Find("delivery", Partition)!.NextOffset);
        offsets.LoseLast("delivery", () => 2);
        Assert.Equal(1, offsets.Find("delivery", Partition)!.NextOffset);
        offsets.Forget("delivery");
        Assert.Null(offsets.Find("delivery", Partition));
        offsets.LoseLast("delivery", () => 2);
    }
}
