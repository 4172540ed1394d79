namespace Chat.Cells.Router.Tests;

public sealed class StartTests
{
    [Fact]
    public async Task Start_AddressThatAnotherHas_EndsWithAMessage()
    {
        var run = await ProgramRun.OnTakenAddressAsync("Chat.Cells.Router.dll", (address, folder) =>
            ["--listen", $"http://{address}", "--internal", "http://127.0.0.1:0", "--cell-map", Path.Combine(folder, "cells.json")]);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("address already in use", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }
}
