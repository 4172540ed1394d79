using Chat.Cells.Cell.Limits;
using Chat.Cells.Cell.Tests.Connections;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Limits;

public sealed class RateLimitsTests
{
    [Theory]
    [InlineData(-10)]
    [InlineData(0)]
    [InlineData(10)]
    public async Task Take_StateFailedAndTheWallClockWasSet_IsAskedAgainASecondLater(int minutes)
    {
        var clock = new TurnedBackClock();
        var state = new TestState(new Faults()) { Down = true };
        await using var limits = new RateLimits(state, clock, NullLogger<RateLimits>.Instance);
        await limits.TakeAsync("b", 5, 1, default);
        Assert.Equal(1, state.TokensAsked);

        clock.Shift = TimeSpan.FromMinutes(minutes);
        clock.Pass(TimeSpan.FromMilliseconds(999));
        await limits.TakeAsync("b", 5, 1, default);
        Assert.Equal(1, state.TokensAsked);

        clock.Pass(TimeSpan.FromMilliseconds(1));
        await limits.TakeAsync("b", 5, 1, default);
        Assert.Equal(2, state.TokensAsked);
    }
}
