using System.Collections.Concurrent;
using System.Reflection;

namespace Chat.Cells.Cell.Tests.Contracts.Running;

/// <summary>Keeps for the end of the run what each port's contract ran against: one file per port and engine under <c>artifacts/contracts</c>, which <c>scripts/contracts.sh</c> sums up.</summary>
internal static class ContractRuns
{
    private static readonly ConcurrentDictionary<(string Port, string Engine), string> Written = new();

    /// <summary>The contract begins to run. Every class that runs one must name its port and engine.</summary>
    /// <param name="suite">The class that runs.</param>
    /// <param name="version">The engine's version, where it is known.</param>
    public static void Ran(Type suite, string? version = null)
    {
        var names = suite.GetCustomAttribute<ContractSuiteAttribute>() ?? throw new InvalidOperationException($"{suite} runs a contract: give it [ContractSuite(port, engine)].");
        Write(names.Port, names.Engine, $"ran\t{version}");
    }

    public static void Skipped(string port, string engine, string reason) => Write(port, engine, $"skipped\t{reason}");

    private static void Write(string port, string engine, string line)
    {
        if (!Written.TryAdd((port, engine), line) || Root() is not { } root) return;
        var folder = Directory.CreateDirectory(Path.Combine(root, "artifacts", "contracts")).FullName;
        File.WriteAllText(Path.Combine(folder, $"{port}.{engine}"), line + "\n");
    }

    private static string? Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Chat.Cells.sln"))) return folder.FullName;
        }
        return null;
    }
}
