using System.Net;
using System.Net.Http.Headers;
using Chat.Cells.LocalCluster.ApiServer;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class AuthenticationTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("Bearer wrong")]
    [InlineData("Basic YTpi")]
    public async Task Request_WithoutTheToken_IsUnauthorized(string? header)
    {
        await using var api = await ApiFixture.StartAsync();
        using var client = api.Server.CreateClient(authenticated: false);
        if (header is not null)
        {
            client.DefaultRequestHeaders.Authorization = AuthenticationHeaderValue.Parse(header);
        }

        foreach (var path in (string[])["/version", "/api", "/api/v1/namespaces", "/openapi/v3", "/nosuch"])
        {
            var answer = await ApiFixture.ReadAsync(await client.GetAsync(path));
            Assert.Equal(HttpStatusCode.Unauthorized, answer.Code);
            Assert.Equal("Unauthorized", answer.Reason);
        }
    }

    [Fact]
    public async Task Impersonation_IsRefusedInsteadOfIgnored()
    {
        await using var api = await ApiFixture.StartAsync();
        api.Client.DefaultRequestHeaders.Add("Impersonate-User", "joe");
        var answer = await api.GetAsync("/api/v1/namespaces");
        Assert.Equal(HttpStatusCode.NotImplemented, answer.Code);
        Assert.Contains("impersonation: not supported here", answer.Message);
    }

    [Fact]
    public async Task Health_WithoutToken_IsOk()
    {
        await using var api = await ApiFixture.StartAsync();
        using var client = api.Server.CreateClient(authenticated: false);
        Assert.Equal("ok", await client.GetStringAsync("/readyz"));
    }

    [Fact]
    public async Task Secrets_OnDisk_AreReadableByTheOwnerOnly()
    {
        await using var api = await ApiFixture.StartAsync();
        foreach (var name in (string[])["token", "ca.pem", "kubeconfig"])
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(api.DirectoryPath, name)));
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(api.DirectoryPath, "api")));
    }

    [Fact]
    public async Task Restart_KeepsTokenAndAuthority()
    {
        await using var api = await ApiFixture.StartAsync();
        var (token, authority) = (api.Server.Token, api.Server.CaCertificatePem);
        await api.RestartAsync();
        Assert.Equal(token, api.Server.Token);
        Assert.Equal(authority, api.Server.CaCertificatePem);
    }

    [Fact]
    public async Task Start_OffLoopback_IsRefused()
    {
        var options = new LocalApiServerOptions { DataDirectory = Path.GetTempPath(), Listen = new IPEndPoint(IPAddress.Any, 0) };
        await Assert.ThrowsAsync<ArgumentException>(() => LocalApiServer.StartAsync(options));
    }

    [Fact]
    public async Task Start_OnAFolderInUse_IsRefused()
    {
        await using var api = await ApiFixture.StartAsync();
        await Assert.ThrowsAsync<IOException>(() => LocalApiServer.StartAsync(new LocalApiServerOptions { DataDirectory = api.DirectoryPath }));
    }

    [Theory]
    [InlineData("--data")]
    [InlineData("--listen", "127.0.0.1:0")]
    [InlineData("--data", "d", "--listen", "nowhere")]
    [InlineData("--data", "d", "--service-cidr", "127.0.0.1")]
    [InlineData("--data", "d", "--what", "x")]
    public async Task Command_WithWrongOptions_Returns2(params string[] args) =>
        Assert.Equal(2, await ApiServerCommand.RunAsync(args, CancellationToken.None));
}
