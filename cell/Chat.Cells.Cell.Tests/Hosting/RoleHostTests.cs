using Chat.Cells.Cell.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Hosting;

public sealed class RoleHostTests
{
    [Fact]
    public async Task Role_Fails_IsStartedAgainUntilStopped()
    {
        var starts = 0;
        var running = false;
        using var host = new RoleHost(
            "test",
            async token =>
            {
                if (Interlocked.Increment(ref starts) < 3) throw new InvalidOperationException("not yet");
                running = true;
                await Task.Delay(Timeout.InfiniteTimeSpan, token);
            },
            () => running,
            TimeProvider.System,
            NullLogger<RoleHost>.Instance);
        await host.StartAsync(default);
        await Poll.UntilAsync(() => host.IsRunning, "the role runs");
        Assert.Equal(3, starts);
        await host.StopAsync(default);
        Assert.True(host.ExecuteTask!.IsCompletedSuccessfully);
    }
}
