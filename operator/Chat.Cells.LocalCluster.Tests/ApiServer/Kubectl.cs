using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

/// <summary>A fact that needs the machine's kubectl, 1.27 or newer; skipped, with the reason, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KubectlFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> Reason = new(Kubectl.Missing);

    public KubectlFactAttribute() => Skip = Reason.Value;
}

/// <summary>Runs kubectl as a child process against one server.</summary>
public sealed class Kubectl(string kubeconfig, string folder)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(180);

    public sealed record Result(int Code, string Output, string Error)
    {
        public string Ok()
        {
            Assert.True(Code == 0, $"kubectl ended with {Code}: {Error}{Output}");
            return Output;
        }

        public string Text() => Ok().Trim();
    }

    /// <summary>Why kubectl can't be used here, or null.</summary>
    public static string? Missing()
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("kubectl", "version --client -o json") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false });
            var output = process!.StandardOutput.ReadToEnd();
            process.WaitForExit();
            var minor = JsonNode.Parse(output)?["clientVersion"]?["gitVersion"]?.GetValue<string>().Split('.')[1];
            return int.TryParse(minor, out var number) && number >= 27 ? null : $"kubectl 1.27 or newer is needed, found 1.{minor}";
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or System.Text.Json.JsonException)
        {
            return "no kubectl on this machine";
        }
    }

    public Task<Result> RunAsync(string arguments, string? input = null) => RunAsync(arguments, input, _ => false);

    /// <summary>Runs kubectl until it ends, or until what it has printed is enough.</summary>
    public async Task<Result> RunAsync(string arguments, string? input, Func<string, bool> isEnough, Func<Task>? afterFirstLine = null)
    {
        var start = new ProcessStartInfo("kubectl", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["KUBECONFIG"] = kubeconfig;
        start.Environment["HOME"] = folder; // the discovery cache of kubectl: a fresh one, ports are used again
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            if (input is not null)
            {
                await process.StandardInput.WriteAsync(("---\n" + input).AsMemory(), limit.Token); // so that flow style is not taken for JSON
            }

            process.StandardInput.Close();
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            var output = "";
            while (!isEnough(output) && await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                var first = output.Length == 0;
                output += line + "\n";
                if (first && afterFirstLine is not null)
                {
                    await afterFirstLine();
                }
            }

            if (isEnough(output))
            {
                process.Kill(entireProcessTree: true);
                return new Result(0, output, "");
            }

            await process.WaitForExitAsync(limit.Token);
            return new Result(process.ExitCode, output, await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
