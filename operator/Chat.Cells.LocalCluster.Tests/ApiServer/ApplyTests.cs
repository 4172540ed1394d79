using System.Net;
using System.Text.Json.Nodes;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class ApplyTests : IAsyncLifetime
{
    private const string Set = "/apis/apps/v1/namespaces/default/statefulsets/web";
    private const string Map = "/api/v1/namespaces/default/configmaps/m";
    private ApiFixture _api = null!;

    public async Task InitializeAsync() => _api = await ApiFixture.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    private static string Data(string json) => $$"""{"apiVersion":"v1","kind":"ConfigMap","data":{{json}}}""";

    private static string StatefulSet(string containers, string more = "") => $$$"""
        {"apiVersion":"apps/v1","kind":"StatefulSet","spec":{"serviceName":"web",{{{more}}}"selector":{"matchLabels":{"app":"web"}},
        "template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":{{{containers}}} } } } }
        """;

    private static JsonNode Managers(Answer answer) => answer["metadata.managedFields"];

    [Fact]
    public async Task Apply_OfAMissingObject_CreatesIt()
    {
        var made = (await _api.ApplyAsync(Map, "one", Data("""{"a":"1"}"""))).Ok();
        Assert.Equal(HttpStatusCode.Created, made.Code);
        var entry = Managers(made)[0]!;
        Assert.Equal("one", (string?)entry["manager"]);
        Assert.Equal("Apply", (string?)entry["operation"]);
        Assert.Equal("""{"f:data":{"f:a":{}}}""", entry["fieldsV1"]!.ToJsonString());
    }

    [Fact]
    public async Task Apply_OfTheSame_WritesNothing()
    {
        var made = (await _api.ApplyAsync(Set, "one", StatefulSet("""[{"name":"c","image":"x","ports":[{"containerPort":80}]}]"""))).Ok();
        var again = (await _api.ApplyAsync(Set, "one", StatefulSet("""[{"name":"c","image":"x","ports":[{"containerPort":80}]}]"""))).Ok();
        Assert.Equal(HttpStatusCode.OK, again.Code);
        Assert.Equal((string?)made["metadata.resourceVersion"], (string?)again["metadata.resourceVersion"]);
    }

    [Fact]
    public async Task Apply_OfAnothersField_ConflictsInTheRealWords()
    {
        await _api.ApplyAsync(Set, "one", StatefulSet("""[{"name":"c","image":"x"}]""", "\"replicas\":1,"));
        var answer = await _api.ApplyAsync(Set, "two", StatefulSet("""[{"name":"c","image":"y"}]"""));
        Assert.Equal(HttpStatusCode.Conflict, answer.Code);
        Assert.Equal("Conflict", answer.Reason);
        Assert.Equal("Apply failed with 1 conflict: conflict with \"one\": .spec.template.spec.containers[name=\"c\"].image", answer.Message);
        Assert.Equal("FieldManagerConflict", (string?)answer["details.causes.0.reason"]);
        Assert.Equal(".spec.template.spec.containers[name=\"c\"].image", (string?)answer["details.causes.0.field"]);
        var both = await _api.ApplyAsync(Set, "two", StatefulSet("""[{"name":"c","image":"y"}]""", "\"replicas\":2,"));
        Assert.Equal("Apply failed with 2 conflicts: conflicts with \"one\":\n- .spec.replicas\n- .spec.template.spec.containers[name=\"c\"].image", both.Message);
    }

    [Fact]
    public async Task Apply_AgainstAnUpdate_NamesItsVersionAndTime()
    {
        await _api.ApplyAsync(Map, "one", Data("""{"a":"1"}"""));
        await _api.SendAsync(HttpMethod.Patch, Map + "?fieldManager=hand", """{"data":{"a":"2"}}""", "application/merge-patch+json");
        var answer = await _api.ApplyAsync(Map, "one", Data("""{"a":"1"}"""));
        Assert.Matches("^Apply failed with 1 conflict: conflict with \"hand\" using v1 at [0-9T:Z-]+: .data.a$", answer.Message);
    }

    [Fact]
    public async Task Apply_WithForce_TakesTheFieldOver()
    {
        await _api.ApplyAsync(Map, "one", Data("""{"a":"1","b":"1"}"""));
        var forced = (await _api.ApplyAsync(Map, "two", Data("""{"a":"2"}"""), force: true)).Ok();
        Assert.Equal("2", (string?)forced["data.a"]);
        Assert.Equal(["one {\"f:data\":{\"f:b\":{}}}", "two {\"f:data\":{\"f:a\":{}}}"], ((JsonArray)Managers(forced)).Select(e => $"{e!["manager"]} {e["fieldsV1"]!.ToJsonString()}").Order());
        Assert.Equal(HttpStatusCode.Conflict, (await _api.ApplyAsync(Map, "one", Data("""{"a":"1","b":"1"}"""))).Code);
    }

    [Fact]
    public async Task Apply_OfTheSameValue_SharesTheField()
    {
        await _api.ApplyAsync(Map, "one", Data("""{"a":"1"}"""));
        (await _api.ApplyAsync(Map, "two", Data("""{"a":"1"}"""))).Ok();
        var left = (await _api.ApplyAsync(Map, "one", Data("{}"))).Ok();
        Assert.Equal("1", (string?)left["data.a"]);
        var gone = (await _api.ApplyAsync(Map, "two", Data("{}"))).Ok();
        Assert.Null(gone.Body!["data"]?["a"]);
    }

    [Fact]
    public async Task Apply_WithoutAField_RemovesItWhenNobodyElseOwnsIt()
    {
        await _api.ApplyAsync(Map, "one", Data("""{"a":"1","b":"1"}"""));
        await _api.SendAsync(HttpMethod.Patch, Map + "?fieldManager=hand", """{"data":{"c":"3"}}""", "application/merge-patch+json");
        var left = (await _api.ApplyAsync(Map, "one", Data("""{"a":"1"}"""))).Ok();
        Assert.Equal("""{"a":"1","c":"3"}""", left["data"].ToJsonString());
    }

    [Fact]
    public async Task Apply_MergesListsByTheirKeys()
    {
        await _api.ApplyAsync(Set, "one", StatefulSet(
            """[{"name":"a","image":"x","env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"ports":[{"containerPort":80},{"containerPort":80,"protocol":"UDP"}]}]"""));
        var two = (await _api.ApplyAsync(Set, "two", """
            {"apiVersion":"apps/v1","kind":"StatefulSet","spec":{"template":{"spec":{"containers":[{"name":"a","env":[{"name":"C","value":"3"}]},{"name":"side","image":"s"}]}}}}
            """)).Ok();
        var containers = (JsonArray)two["spec.template.spec.containers"];
        Assert.Equal(["a", "side"], containers.Select(c => (string?)c!["name"]));
        Assert.Equal(["A", "B", "C"], ((JsonArray)containers[0]!["env"]!).Select(e => (string?)e!["name"]).Order());
        Assert.Equal(2, ((JsonArray)containers[0]!["ports"]!).Count);
        var one = (await _api.ApplyAsync(Set, "one", StatefulSet("""[{"name":"a","image":"x","env":[{"name":"B","value":"2"}],"ports":[{"containerPort":80}]}]"""))).Ok();
        containers = (JsonArray)one["spec.template.spec.containers"];
        Assert.Equal(["a", "side"], containers.Select(c => (string?)c!["name"]));
        Assert.Equal(["B", "C"], ((JsonArray)containers[0]!["env"]!).Select(e => (string?)e!["name"]).Order());
        Assert.Equal("TCP", (string?)((JsonArray)containers[0]!["ports"]!).Single()!["protocol"]);
        var gone = (await _api.ApplyAsync(Set, "two", """{"apiVersion":"apps/v1","kind":"StatefulSet","spec":{}}""")).Ok();
        Assert.Equal(["a"], ((JsonArray)gone["spec.template.spec.containers"]).Select(c => (string?)c!["name"]));
    }

    [Fact]
    public async Task Apply_ToStatus_OwnsConditionsByType()
    {
        await _api.ApplyAsync(Set, "one", StatefulSet("""[{"name":"c","image":"x"}]"""));
        static string Condition(string type) => $$$"""{"apiVersion":"apps/v1","kind":"StatefulSet","status":{"replicas":1,"conditions":[{"type":"{{{type}}}","status":"True"}]}}""";
        (await _api.ApplyAsync(Set + "/status", "c1", Condition("A"), force: true)).Ok();
        var both = (await _api.ApplyAsync(Set + "/status", "c2", Condition("B"))).Ok();
        Assert.Equal(["A", "B"], ((JsonArray)both["status.conditions"]).Select(c => (string?)c!["type"]));
        Assert.Contains((JsonArray)Managers(both), e => (string?)e!["subresource"] == "status" && (string?)e["manager"] == "c2");
        var spec = (await _api.ApplyAsync(Set, "one", StatefulSet("""[{"name":"c","image":"y"}]"""))).Ok();
        Assert.Equal(2, ((JsonArray)spec["status.conditions"]).Count);
    }

    [Fact]
    public async Task Apply_OfFinalizersAndOwners_TreatsThemAsSets()
    {
        static string With(string finalizer) => $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"finalizers":["{{{finalizer}}}"]}}""";
        await _api.ApplyAsync(Map, "one", With("example.com/a"));
        var both = (await _api.ApplyAsync(Map, "two", With("example.com/b"))).Ok();
        Assert.Equal("""["example.com/a","example.com/b"]""", both["metadata.finalizers"].ToJsonString());
        var one = (await _api.ApplyAsync(Map, "one", """{"apiVersion":"v1","kind":"ConfigMap"}""")).Ok();
        Assert.Equal("""["example.com/b"]""", one["metadata.finalizers"].ToJsonString());
    }

    [Theory]
    [InlineData("{}", "must be set")]
    [InlineData("[]", "not an object")]
    [InlineData("{", "unrecognized")]
    [InlineData("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"managedFields":[{"manager":"x"}]}}""", "metadata.managedFields must be nil")]
    [InlineData("""{"apiVersion":"v1","kind":"ConfigMap","nope":1}""", "failed to create typed patch object (default/m; v1, Kind=ConfigMap): .nope: field not declared in schema")]
    [InlineData("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"other"}}""", "does not match the name on the URL")]
    public async Task Apply_OfSomethingElse_IsBadRequest(string body, string expected)
    {
        var answer = await _api.ApplyAsync(Map, "one", body);
        Assert.Equal(HttpStatusCode.BadRequest, answer.Code);
        Assert.Contains(expected, answer.Message);
    }

    [Fact]
    public async Task Apply_WithoutAManager_IsRefused()
    {
        var answer = await _api.SendAsync(HttpMethod.Patch, Map, Data("{}"), "application/apply-patch+yaml");
        Assert.Equal(422, (int)answer.Code);
        Assert.Contains("fieldManager: Required value: is required for apply patch", answer.Message);
    }

    [Fact]
    public async Task Apply_OfDuplicateItems_IsBadRequest()
    {
        var answer = await _api.ApplyAsync(Set, "one", StatefulSet("""[{"name":"c","image":"x"},{"name":"c","image":"y"}]"""));
        Assert.Equal(HttpStatusCode.BadRequest, answer.Code);
        Assert.Contains("duplicate entries for key", answer.Message);
    }

    [Fact]
    public async Task Apply_AsADryRun_KeepsNothing()
    {
        (await _api.SendAsync(HttpMethod.Patch, Map + "?fieldManager=one&dryRun=All", Data("""{"a":"1"}"""), "application/apply-patch+yaml")).Ok();
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync(Map)).Code);
    }
}
