using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Tests.Connections;

public sealed class PendingRequestsTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);
    private readonly TurnedBackClock clock = new();
    private readonly List<Verdict?> answers = [];

    [Theory]
    [InlineData(-10)]
    [InlineData(0)]
    [InlineData(10)]
    public void Expire_WallClockIsSet_WaitEndsWhenItsTimeHasPassed(int minutes)
    {
        var pending = new PendingRequests(clock);
        pending.Add("u", "d", "c", "r", Timeout, answers.Add);

        clock.Shift = TimeSpan.FromMinutes(minutes);
        clock.Pass(Timeout - TimeSpan.FromMilliseconds(1));
        pending.Expire();
        Assert.Empty(answers);

        clock.Pass(TimeSpan.FromMilliseconds(1));
        pending.Expire();
        Assert.Equal([null], answers);
    }
}
