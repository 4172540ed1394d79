using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.TestSupport;

/// <summary>How a program of the product ended, and all that it wrote.</summary>
public sealed record ProgramRun(int ExitCode, string Output, string Error)
{
    /// <summary>Runs a program until it ends by itself.</summary>
    /// <param name="assembly">The file's name; it stands beside the tests, whose project refers to it.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="OperationCanceledException">It had not ended within <see cref="Poll.Limit"/>, and was killed.</exception>
    public static async Task<ProgramRun> OfAsync(string assembly, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, assembly), .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false };
        using var process = Process.Start(start)!;
        try
        {
            using var limit = new CancellationTokenSource(Poll.Limit);
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new ProgramRun(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }
    /// <summary>Runs a program that is told to listen where another program does already.</summary>
    /// <param name="assembly">As for <see cref="OfAsync"/>.</param>
    /// <param name="arguments">Its arguments, made from the address (<c>host:port</c>) and from an empty folder, which goes afterwards.</param>
    public static async Task<ProgramRun> OnTakenAddressAsync(string assembly, Func<string, string, string[]> arguments)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var folder = Directory.CreateTempSubdirectory("chatcells-start-").FullName;
        try
        {
            return await OfAsync(assembly, arguments($"{other.LocalEndpoint}", folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
