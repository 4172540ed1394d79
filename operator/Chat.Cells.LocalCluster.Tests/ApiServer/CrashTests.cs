using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Chat.Cells.LocalCluster.ApiServer;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

/// <summary>The server as a process of its own, killed in the middle of writes.</summary>
public sealed class CrashTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("api-crash-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task KilledWhileWriting_LosesNothingThatWasAnswered()
    {
        var answered = new ConcurrentDictionary<string, long>();
        for (var round = 0; round < 3; round++)
        {
            using var process = Process.Start(new ProcessStartInfo("dotnet")
            {
                ArgumentList = { typeof(LocalApiServer).Assembly.Location, "apiserver", "--data", _directory },
                RedirectStandardOutput = true,
                UseShellExecute = false,
            })!;
            try
            {
                var line = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
                Assert.StartsWith("apiserver listening on https://127.0.0.1:", line);
                using var client = Client(new Uri(line!["apiserver listening on ".Length..]));
                await CheckAsync(client, answered);
                var prefix = $"r{round}";
                var writers = Enumerable.Range(0, 4).Select(w => WriteAsync(client, $"{prefix}-{w}", answered)).ToArray();
                await ApiFixture.EventuallyAsync(() => Task.FromResult(answered.Keys.Count(k => k.StartsWith(prefix, StringComparison.Ordinal)) > 40), "40 writes were answered");
                process.Kill();
                await Task.WhenAll(writers);
            }
            finally
            {
                if (!process.HasExited)
                {
                    process.Kill();
                }

                await process.WaitForExitAsync();
            }
        }

        await using var last = await LocalApiServer.StartAsync(new LocalApiServerOptions { DataDirectory = _directory });
        using var reader = last.CreateClient();
        await CheckAsync(reader, answered);
        Assert.True(answered.Count > 120);
    }

    private static async Task WriteAsync(HttpClient client, string prefix, ConcurrentDictionary<string, long> answered)
    {
        for (var i = 0; ; i++)
        {
            var name = $"{prefix}-{i}";
            try
            {
                using var content = new StringContent(ApiFixture.ConfigMap(name), Encoding.UTF8, "application/json");
                using var response = await client.PostAsync("/api/v1/namespaces/default/configmaps", content);
                var body = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
                Assert.Equal(201, (int)response.StatusCode);
                answered[name] = long.Parse((string)body["metadata"]!["resourceVersion"]!);
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                return; // The server is dead.
            }
        }
    }

    private static async Task CheckAsync(HttpClient client, ConcurrentDictionary<string, long> answered)
    {
        var list = JsonNode.Parse(await client.GetStringAsync("/api/v1/namespaces/default/configmaps"))!;
        var there = list["items"]!.AsArray().ToDictionary(i => (string)i!["metadata"]!["name"]!, i => long.Parse((string)i!["metadata"]!["resourceVersion"]!));
        Assert.All(answered, a => Assert.Equal(a.Value, there.GetValueOrDefault(a.Key)));
        Assert.Equal(there.Count, there.Values.Distinct().Count());
    }

    private HttpClient Client(Uri address)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            CustomTrustStore = { X509Certificate2.CreateFromPem(File.ReadAllText(Path.Combine(_directory, "ca.pem"))) },
        };
        var client = new HttpClient(handler) { BaseAddress = address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", File.ReadAllText(Path.Combine(_directory, "token")));
        return client;
    }
}
