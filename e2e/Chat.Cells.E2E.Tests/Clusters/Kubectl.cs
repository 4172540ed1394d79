using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Chat.Cells.E2E.Tests.Clusters;

/// <summary>The machine's kubectl.</summary>
internal static class Kubectl
{
    private const int OldestMinor = 27;

    /// <summary>Why kubectl can't be used here; null: it can.</summary>
    public static string? Unusable { get; } = Examine();

    /// <summary>Runs kubectl; returns its exit code and output.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string kubeconfig, params string[] arguments)
    {
        using var process = Start(kubeconfig, arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"kubectl {string.Join(' ', arguments)} did not end within 60 s.", e);
        }
        return (process.ExitCode, await output + await errors);
    }

    private static Process Start(string? kubeconfig, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo("kubectl") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        if (kubeconfig is not null) start.Environment["KUBECONFIG"] = kubeconfig;
        return Process.Start(start) ?? throw new InvalidOperationException("kubectl could not be started.");
    }

    private static string? Examine()
    {
        try
        {
            using var process = Start(null, ["version", "--client", "-o", "json"]);
            var text = process.StandardOutput.ReadToEnd();
            if (!process.WaitForExit(30_000)) return "kubectl does not answer.";
            using var json = JsonDocument.Parse(text);
            var minor = json.RootElement.GetProperty("clientVersion").GetProperty("minor").GetString()!.TrimEnd('+');
            return int.Parse(minor, CultureInfo.InvariantCulture) < OldestMinor ? $"kubectl here is 1.{minor}; 1.{OldestMinor} or newer is needed." : null;
        }
        catch (Win32Exception)
        {
            return "There is no kubectl here.";
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException)
        {
            return $"kubectl's version can't be read: {e.Message}";
        }
    }
}
