namespace Chat.Cells.Bridge.Tests;

public sealed class StartTests
{
    [Fact]
    public async Task Start_AddressThatAnotherHas_EndsWithAMessage()
    {
        var run = await ProgramRun.OnTakenAddressAsync("Chat.Cells.Bridge.dll", (address, folder) =>
            ["--source", "a", "--target", "b", "--source-url", "http://127.0.0.1:1", "--target-url", "http://127.0.0.1:2", "--secrets", folder, "--listen", $"http://{address}"]);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("address already in use", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }
}
