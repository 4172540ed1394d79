using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Router.Tests;

public sealed class StartTests
{
    [Fact]
    public async Task Start_AddressThatAnotherHas_EndsWithAMessage()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var folder = Directory.CreateTempSubdirectory("chatcells-start-").FullName;
        try
        {
            var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false };
            string[] arguments = [Path.Combine(AppContext.BaseDirectory, "Chat.Cells.Router.dll"), "--listen", $"http://{other.LocalEndpoint}", "--internal", "http://127.0.0.1:0", "--cell-map", Path.Combine(folder, "cells.json")];
            foreach (var argument in arguments) start.ArgumentList.Add(argument);
            using var process = Process.Start(start)!;
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = await process.StandardError.ReadToEndAsync(limit.Token);
            await output;
            await process.WaitForExitAsync(limit.Token);
            Assert.Equal(1, process.ExitCode);
            Assert.Contains("address already in use", error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
