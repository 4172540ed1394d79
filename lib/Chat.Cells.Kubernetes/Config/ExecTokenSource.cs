using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chat.Cells.Kubernetes.Config;

/// <summary>How to run a credential plugin.</summary>
/// <param name="Command">Program; a relative path with a slash is relative to the kubeconfig.</param>
/// <param name="Args">Its arguments.</param>
/// <param name="Environment">Variables added to this process's own.</param>
/// <param name="ApiVersion">Such as <c>client.authentication.k8s.io/v1</c>.</param>
/// <param name="ClusterInfo">JSON of the cluster, when the plugin asked for it.</param>
public sealed record ExecCommand(string Command, IReadOnlyList<string> Args, IReadOnlyDictionary<string, string> Environment, string ApiVersion, string? ClusterInfo = null);

/// <summary>Tokens (and client certificates) from a credential plugin, kept until they expire or the server refuses them.</summary>
public sealed class ExecTokenSource(ExecCommand command) : ITokenSource
{
    private static readonly TimeSpan RunTime = TimeSpan.FromMinutes(1);
    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile Credential? _credential;

    /// <summary>The certificate of the last credential, if it has one.</summary>
    public X509Certificate2? Certificate => _credential?.Certificate;

    /// <inheritdoc/>
    /// <exception cref="KubeConfigException">The plugin can't be run, failed, or answered something else than an ExecCredential.</exception>
    public async ValueTask<string?> GetAsync(TimeProvider time, bool fresh, CancellationToken cancellationToken)
    {
        var seen = _credential;
        if (!fresh && seen is not null && !seen.IsExpired(time))
        {
            return seen.Token;
        }
        await _gate.WaitAsync(cancellationToken);
        try
        {
            // Somebody else may have fetched it while we waited.
            if (_credential is { } current && !current.IsExpired(time) && !ReferenceEquals(current, seen))
            {
                return current.Token;
            }
            var next = await RunAsync(cancellationToken);
            _credential = next;
            return next.Token;
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<Credential> RunAsync(CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(command.Command) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        foreach (var argument in command.Args)
        {
            start.ArgumentList.Add(argument);
        }
        foreach (var (name, value) in command.Environment)
        {
            start.Environment[name] = value;
        }
        var spec = new JsonObject { ["interactive"] = false };
        if (command.ClusterInfo is not null)
        {
            spec["cluster"] = JsonNode.Parse(command.ClusterInfo);
        }
        start.Environment["KUBERNETES_EXEC_INFO"] =
            new JsonObject { ["apiVersion"] = command.ApiVersion, ["kind"] = "ExecCredential", ["spec"] = spec }.ToJsonString();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(RunTime);
        try
        {
            using var process = Process.Start(start) ?? throw new KubeConfigException($"The credential plugin '{command.Command}' did not start.");
            try
            {
                process.StandardInput.Close();
                var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
                var errors = process.StandardError.ReadToEndAsync(deadline.Token);
                await process.WaitForExitAsync(deadline.Token);
                var text = await output;
                if (process.ExitCode != 0)
                {
                    throw new KubeConfigException($"The credential plugin '{command.Command}' ended with code {process.ExitCode}: {(await errors).Trim()}");
                }
                return Credential.Parse(text, command);
            }
            finally
            {
                if (!process.HasExited)
                {
                    process.Kill(entireProcessTree: true);
                }
            }
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new KubeConfigException($"The credential plugin '{command.Command}' did not answer within {RunTime.TotalSeconds:0} s.", e);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new KubeConfigException($"The credential plugin '{command.Command}' can't be run: {e.Message}", e);
        }
    }

    private sealed record Credential(string? Token, X509Certificate2? Certificate, DateTimeOffset? Expiry)
    {
        public bool IsExpired(TimeProvider time) => Expiry is { } expiry && time.GetUtcNow() >= expiry;

        // The plugin's output is a secret: no message quotes it.
        public static Credential Parse(string json, ExecCommand command)
        {
            try
            {
                using var document = JsonDocument.Parse(json);
                var root = document.RootElement;
                if (Text(root, "apiVersion") is { } answered && answered != command.ApiVersion)
                {
                    throw new KubeConfigException($"The credential plugin '{command.Command}' answered in {answered}, the kubeconfig says {command.ApiVersion}.");
                }
                if (!root.TryGetProperty("status", out var status))
                {
                    throw new KubeConfigException($"The credential plugin '{command.Command}' answered without status.");
                }
                var token = Text(status, "token");
                var certificate = Text(status, "clientCertificateData");
                var key = Text(status, "clientKeyData");
                if (token is null && certificate is null)
                {
                    throw new KubeConfigException($"The credential plugin '{command.Command}' answered with neither token nor certificate.");
                }
                DateTimeOffset? expiry = status.TryGetProperty("expirationTimestamp", out var at) && at.TryGetDateTimeOffset(out var when) ? when : null;
                return new Credential(token, certificate is null || key is null ? null : X509Certificate2.CreateFromPem(certificate, key), expiry);
            }
            catch (JsonException e)
            {
                throw new KubeConfigException($"The credential plugin '{command.Command}' did not answer with JSON.", e);
            }
        }

        private static string? Text(JsonElement element, string name) =>
            element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

        public override string ToString() => "Credential";
    }
}
