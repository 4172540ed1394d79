using Chat.Cells.Cell.Ports;
using Chat.Cells.Chaos.Steps;

namespace Chat.Cells.Chaos.Tests;

public sealed class ServerLifeTests
{
    private readonly StepBoard board = new();

    [Fact]
    public async Task PassAsync_NoTrap_PassesAndCounts()
    {
        using var life = new ServerLife("one", board);
        await life.PassAsync("commit", Side.Before, Never);
        await life.PassAsync("commit", Side.Before, Never);
        Assert.Equal(2, board.Counts[new Step("gateway", "commit", Side.Before)]);
    }

    [Fact]
    public async Task PassAsync_SecondTimeTrapped_EverythingAfterItWaitsUntilThawed()
    {
        using var life = new ServerLife("one", board);
        var trap = new StepTrap(new Step("gateway", "commit", Side.Before), 2, TrapKind.Freeze);
        board.Arm(trap);

        await life.PassAsync("commit", Side.Before, Never);
        var caught = life.PassAsync("commit", Side.Before, Never).AsTask();
        var other = life.PassAsync("publish", Side.Before, Never).AsTask();
        Assert.Same(life, await trap.Sprung);
        Assert.False(caught.IsCompleted);
        Assert.False(other.IsCompleted);

        life.Thaw();
        await Task.WhenAll(caught, other).WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task PassAsync_KilledWhileFrozen_ThrowsAndSoDoesEverythingLater()
    {
        using var life = new ServerLife("one", board);
        life.Freeze();
        var caught = life.PassAsync("commit", Side.Before, Never).AsTask();
        life.Kill();
        await Assert.ThrowsAsync<ServerDiedException>(() => caught);
        await Assert.ThrowsAsync<ServerDiedException>(() => life.PassAsync("commit", Side.After, Never).AsTask());
        Assert.Empty(board.Counts);
    }

    [Fact]
    public async Task PassAsync_FailTrap_ThrowsOnce()
    {
        using var life = new ServerLife("one", board);
        board.Arm(new StepTrap(new Step("gateway", "commit", Side.After), 1, TrapKind.Fail));
        await Assert.ThrowsAsync<StoreException>(() => life.PassAsync("commit", Side.After, static () => new StoreException("told to")).AsTask());
        await life.PassAsync("commit", Side.After, Never);
    }

    [Theory]
    [InlineData("fanout/append:chat.inbox/before")]
    [InlineData("gateway/register/after")]
    public void Parse_OfToString_IsTheSame(string text) => Assert.Equal(text, Step.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("fanout/commit")]
    [InlineData("fanout/commit/during")]
    [InlineData("//before")]
    public void Parse_NotAStep_Throws(string text) => Assert.Throws<FormatException>(() => Step.Parse(text));

    private static Exception Never() => new InvalidOperationException("No trap says that this fails.");
}
