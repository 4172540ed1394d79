namespace Chat.Cells.TestSupport.Tests;

public sealed class PollTests
{
    [Fact]
    public async Task Until_ConditionComesTrue_Returns()
    {
        var asked = 0;
        await Poll.UntilAsync(() => ++asked == 3);
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task Until_ConditionStaysFalse_FailsAndSaysWhatWasWaitedFor()
    {
        var never = false;
        var unnamed = await Assert.ThrowsAsync<TimeoutException>(() => Poll.UntilAsync(() => never, limit: TimeSpan.FromMilliseconds(50)));
        Assert.Contains("() => never", unnamed.Message, StringComparison.Ordinal);
        var named = await Assert.ThrowsAsync<TimeoutException>(() => Poll.UntilAsync(() => Task.FromResult(never), "the sky falls", TimeSpan.FromMilliseconds(50)));
        Assert.Contains("the sky falls", named.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Until_ConditionThrows_FailsWithThat() =>
        await Assert.ThrowsAsync<InvalidDataException>(() => Poll.UntilAsync(bool () => throw new InvalidDataException("broken")));

    [Fact]
    public async Task AdvanceUntil_ConditionStaysFalse_FailsAfterThatMuchFakeTime()
    {
        var time = new FakeTime();
        var start = time.GetUtcNow();
        await Assert.ThrowsAsync<TimeoutException>(() => Poll.AdvanceUntilAsync(time, TimeSpan.FromHours(1), TimeSpan.FromHours(3), () => false, "anything"));
        Assert.InRange(time.GetUtcNow() - start, TimeSpan.FromHours(3), TimeSpan.FromHours(4));
    }
}
