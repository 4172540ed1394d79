using System.Net;
using System.Text;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class BadInputTests : IAsyncLifetime
{
    private const string ConfigMaps = "/api/v1/namespaces/default/configmaps";
    private ApiFixture _api = null!;

    public async Task InitializeAsync() => _api = await ApiFixture.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("{\"a\":1} x")]
    [InlineData("{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":nope}}")]
    [InlineData("{\"metadata\":\"a\"}")]
    [InlineData("{\"metadata\":{\"name\":7}}")]
    [InlineData("{\"metadata\":{\"name\":\"a\",\"labels\":[]}}")]
    [InlineData("{\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"a\"}}")]
    [InlineData("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}")]
    [InlineData("{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":1e999}}")]
    [InlineData("")]
    public async Task Create_WithABodyThatIsNoObjectOfTheKind_IsBadRequest(string body)
    {
        var answer = await _api.PostAsync(ConfigMaps, body);
        Assert.Equal(HttpStatusCode.BadRequest, answer.Code);
        Assert.Equal("BadRequest", answer.Reason);
    }

    [Fact]
    public async Task Create_WithInvalidUtf8_IsBadRequest()
    {
        using var content = new ByteArrayContent([.. Encoding.ASCII.GetBytes("{\"metadata\":{\"name\":\""), 0xC3, 0x28, .. Encoding.ASCII.GetBytes("\"}}")]);
        content.Headers.ContentType = new("application/json");
        Assert.Equal(HttpStatusCode.BadRequest, (await _api.Client.PostAsync(ConfigMaps, content)).StatusCode);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/yaml")]
    public async Task Create_WithADocumentThatIsTooDeep_IsBadRequest(string type)
    {
        var body = "{\"metadata\":{\"name\":\"a\"},\"data\":" + string.Concat(Enumerable.Repeat("{\"a\":", 300)) + "1" + new string('}', 301);
        Assert.Equal(HttpStatusCode.BadRequest, (await _api.PostAsync(ConfigMaps, body, type)).Code);
    }

    [Fact]
    public async Task Create_WithYamlThatGrowsByAliases_IsBadRequest()
    {
        var yaml = new StringBuilder("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for (var i = 1; i < 9; i++)
        {
            yaml.Append($"a{i}: &a{i} [{string.Join(',', Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await _api.PostAsync(ConfigMaps, yaml.ToString(), "application/yaml")).Code);
    }

    [Fact]
    public async Task Create_FromYaml_Works()
    {
        var answer = await _api.PostAsync(ConfigMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\ndata:\n  k: 'true'\n", "application/yaml");
        Assert.Equal("true", (string?)answer.Ok()["data.k"]);
    }

    [Theory]
    [InlineData("../../elsewhere")]
    [InlineData("/etc")]
    [InlineData("Upper")]
    public async Task Create_PodWithAVolumeNameThatIsNone_IsInvalid(string name)
    {
        var answer = await _api.PostAsync("/api/v1/namespaces/default/pods", $$$"""
            {"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}],"volumes":[{"name":"{{{name}}}","emptyDir":{}}]}}
            """);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.Code);
        Assert.Contains("spec.volumes[0].name: Invalid value", answer.Message);
    }

    [Fact]
    public async Task Create_Over3Megabytes_IsTooLarge()
    {
        var answer = await _api.PostAsync(ConfigMaps, ApiFixture.ConfigMap("big", new string('x', 3 * 1024 * 1024)));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.Code);
        Assert.Equal("RequestEntityTooLarge", answer.Reason);
        Assert.Equal(HttpStatusCode.OK, (await _api.GetAsync(ConfigMaps)).Code);
    }

    [Fact]
    public async Task Create_WithDataOver1Megabyte_IsInvalid()
    {
        var answer = await _api.PostAsync(ConfigMaps, ApiFixture.ConfigMap("big", new string('x', 1024 * 1024 + 1)));
        Assert.Equal(422, (int)answer.Code);
        Assert.Contains("data: Too long: may not be more than 1048576 bytes", answer.Message);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    public async Task Create_WithAWrongContentType_IsUnsupported(string type)
    {
        var answer = await _api.PostAsync(ConfigMaps, ApiFixture.ConfigMap("a"), type);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.Code);
        Assert.Contains("application/json", answer.Message);
    }

    [Fact]
    public async Task Patch_WithAWrongContentType_IsUnsupported()
    {
        await _api.PostAsync(ConfigMaps, ApiFixture.ConfigMap("a"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await _api.SendAsync(HttpMethod.Patch, ConfigMaps + "/a", "{}", "application/json")).Code);
    }

    [Fact]
    public async Task Get_WithAnAcceptThatIsNotOffered_IsNotAcceptable()
    {
        Assert.Equal(HttpStatusCode.NotAcceptable, (await _api.GetAsync(ConfigMaps, "application/vnd.kubernetes.protobuf")).Code);
        Assert.Equal(HttpStatusCode.OK, (await _api.GetAsync(ConfigMaps, "application/vnd.kubernetes.protobuf, application/json")).Code);
    }

    [Theory]
    [InlineData("/api/v1/namespaces/default/nosuch")]
    [InlineData("/api/v2/namespaces/default/pods")]
    [InlineData("/apis/nosuch.example.com/v1/things")]
    [InlineData("/apis/apps/v1beta1/deployments")]
    [InlineData("/apis/apps/v1/namespaces/default/deployments/x/nosuch")]
    [InlineData("/api/v1/namespaces/default/nodes/x")]
    [InlineData("/api/v1/pods/x")]
    [InlineData("/api/v1//pods")]
    [InlineData("/nosuch")]
    public async Task Get_OfAnUnknownPath_IsNotFound(string path)
    {
        var answer = await _api.GetAsync(path);
        Assert.Equal(HttpStatusCode.NotFound, answer.Code);
        Assert.Equal("the server could not find the requested resource", answer.Message);
    }

    [Fact]
    public async Task Create_WithUnknownAndDuplicateFields_FollowsFieldValidation()
    {
        const string Body = """{"metadata":{"name":"NAME","bar":1},"data":{"k":"1","k":"2"},"foo":1}""";
        var strict = await _api.PostAsync(ConfigMaps + "?fieldValidation=Strict", Body.Replace("NAME", "a"));
        Assert.Equal(HttpStatusCode.BadRequest, strict.Code);
        Assert.Equal("ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: duplicate field \"data.k\"", strict.Message);
        var unknown = await _api.PostAsync(ConfigMaps + "?fieldValidation=Strict", """{"metadata":{"name":"a","bar":1},"foo":1}""");
        Assert.Equal("ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"metadata.bar\", unknown field \"foo\"", unknown.Message);

        var warned = (await _api.PostAsync(ConfigMaps, Body.Replace("NAME", "a"))).Ok();
        Assert.Equal(["299 - \"duplicate field \\\"data.k\\\"\"", "299 - \"unknown field \\\"metadata.bar\\\"\"", "299 - \"unknown field \\\"foo\\\"\""], warned.Warnings);
        Assert.Null(warned.Body!["foo"]);
        Assert.Equal("2", (string?)warned["data.k"]);

        var ignored = (await _api.PostAsync(ConfigMaps + "?fieldValidation=Ignore", Body.Replace("NAME", "b"))).Ok();
        Assert.Empty(ignored.Warnings);
        Assert.Equal(HttpStatusCode.BadRequest, (await _api.PostAsync(ConfigMaps + "?fieldValidation=Maybe", Body)).Code);
    }

    [Theory]
    [InlineData("/api/v1/namespaces/default/pods/p/eviction", "POST")]
    [InlineData("/api/v1/namespaces/default/pods/p/exec", "POST")]
    [InlineData("/api/v1/namespaces/default/pods/p/portforward", "GET")]
    [InlineData("/api/v1/namespaces/default/serviceaccounts/default/token", "POST")]
    public async Task Subresource_ThatALocalClusterLacks_SaysSo(string path, string method)
    {
        await _api.PostAsync("/api/v1/namespaces/default/pods", ApiFixture.Pod("p"));
        var answer = await _api.SendAsync(new HttpMethod(method), path, method == "POST" ? "{}" : null, "application/json");
        Assert.Equal(HttpStatusCode.NotImplemented, answer.Code);
        Assert.Contains("not supported here", answer.Message);
    }

    [Theory]
    [InlineData("labelSelector=a%20b")]
    [InlineData("labelSelector=a%20in%20b")]
    [InlineData("labelSelector=,")]
    [InlineData("labelSelector=-x%3D1")]
    [InlineData("labelSelector=a%3Eb")]
    [InlineData("fieldSelector=spec.x%3D1")]
    [InlineData("fieldSelector=metadata.name")]
    [InlineData("limit=1&continue=garbage")]
    [InlineData("resourceVersion=-1")]
    [InlineData("resourceVersion=x")]
    [InlineData("watch=true&resourceVersion=x")]
    public async Task List_WithAnOptionThatCantBeRead_IsBadRequest(string query) =>
        Assert.Equal(HttpStatusCode.BadRequest, (await _api.GetAsync($"{ConfigMaps}?{query}")).Code);

    [Fact]
    public async Task List_AtAVersionOfTheFuture_TimesOut()
    {
        var answer = await _api.GetAsync(ConfigMaps + "?resourceVersion=999999");
        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.Code);
        Assert.StartsWith("Timeout: Too large resource version: 999999, current: ", answer.Message);
    }

    [Fact]
    public async Task Watch_WithInitialEvents_IsRefusedAsOldServersDo()
    {
        var answer = await _api.GetAsync(ConfigMaps + "?watch=true&sendInitialEvents=true");
        Assert.Equal(422, (int)answer.Code);
        Assert.Contains("sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled", answer.Message);
    }

    [Theory]
    [InlineData("POST", "/api/v1/pods")]
    [InlineData("PUT", "/api/v1/namespaces/default/pods")]
    [InlineData("POST", "/api/v1/namespaces/default/pods/p")]
    [InlineData("DELETE", "/version")]
    public async Task Method_ThatAResourceLacks_IsNotAllowed(string method, string path) =>
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await _api.SendAsync(new HttpMethod(method), path, "{}", "application/json")).Code);
}
