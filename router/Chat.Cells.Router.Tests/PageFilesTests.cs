namespace Chat.Cells.Router.Tests;

public sealed class PageFilesTests : IAsyncLifetime
{
    private readonly string root = Directory.CreateTempSubdirectory("page").FullName;
    private RouterCluster cluster = null!;

    public async Task InitializeAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(root, "index.html"), "<!doctype html><title>page</title>");
        Directory.CreateDirectory(Path.Combine(root, "sdk"));
        await File.WriteAllTextAsync(Path.Combine(root, "sdk", "chat-cells.js"), "export {};");
        cluster = await RouterCluster.StartAsync(o => o with { WebRoot = root });
    }

    public async Task DisposeAsync()
    {
        await cluster.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public async Task Page_IsServedWithItsHeaders()
    {
        var page = await cluster.GetAsync("/");
        Assert.Equal(200, page.Status);
        Assert.Contains("<title>page</title>", page.Body);
        var policy = page.Headers["Content-Security-Policy"];
        Assert.Contains("default-src 'none'", policy);
        Assert.Contains("frame-ancestors 'none'", policy);
        Assert.DoesNotContain("unsafe", policy);
        Assert.Equal("nosniff", page.Headers["X-Content-Type-Options"]);
        Assert.Equal("no-referrer", page.Headers["Referrer-Policy"]);
        Assert.Equal("no-cache", page.Headers["Cache-Control"]);
        Assert.DoesNotContain("Server", page.Headers.Keys);
        Assert.Equal("text/javascript", (await cluster.GetAsync("/sdk/chat-cells.js")).Headers["Content-Type"]);
    }

    [Fact]
    public async Task Page_Unchanged_IsNotSentAgain()
    {
        var page = await cluster.GetAsync("/");
        var again = await cluster.SendAsync(HttpMethod.Get, "/", change: r => r.Headers.TryAddWithoutValidation("If-None-Match", page.Headers["ETag"]));
        Assert.Equal(304, again.Status);
    }

    [Theory]
    [InlineData("/nothing")]
    [InlineData("/..%2f..%2fetc/passwd")]
    [InlineData("/%2e%2e/%2e%2e/etc/passwd")]
    [InlineData("/sdk/..%5c..%5csecret")]
    [InlineData("/sdk/")]
    public async Task Path_OutsideTheFolder_IsNotFound(string path) => Assert.Equal(404, (await cluster.GetAsync(path)).Status);
}
