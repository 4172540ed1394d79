using System.Net;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class GarbageCollectionTests : IAsyncLifetime
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";
    private ApiFixture _api = null!;

    public async Task InitializeAsync() => _api = await ApiFixture.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    private async Task<string> OwnerAsync(string name) => (string)(await _api.PostAsync(Maps, ApiFixture.ConfigMap(name))).Ok()["metadata.uid"]!;

    private async Task DependentAsync(string name, string finalizer, params (string Name, string Uid)[] owners)
    {
        var references = string.Join(',', owners.Select(o => $$"""{"apiVersion":"v1","kind":"ConfigMap","name":"{{o.Name}}","uid":"{{o.Uid}}","blockOwnerDeletion":true}"""));
        var finalizers = finalizer.Length > 0 ? $"\"{finalizer}\"" : "";
        (await _api.PostAsync(Maps, $$$"""{"metadata":{"name":"{{{name}}}","ownerReferences":[{{{references}}}],"finalizers":[{{{finalizers}}}]}}""")).Ok();
    }

    [Fact]
    public async Task Background_DeletesDependentsOfTheGoneOwner_Transitively()
    {
        var a = await OwnerAsync("a");
        await DependentAsync("b", "", ("a", a));
        await DependentAsync("c", "", ("b", (string)(await _api.GetAsync(Maps + "/b")).Ok()["metadata.uid"]!));
        (await _api.DeleteAsync(Maps + "/a")).Ok();
        await _api.EventuallyGoneAsync(Maps + "/c");
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync(Maps + "/b")).Code);
    }

    [Fact]
    public async Task Dependent_WithAnotherOwner_Stays()
    {
        var (a, b) = (await OwnerAsync("a"), await OwnerAsync("b"));
        await DependentAsync("c", "", ("a", a), ("b", b));
        (await _api.DeleteAsync(Maps + "/a")).Ok();
        await ApiFixture.EventuallyAsync(
            async () => (await _api.GetAsync(Maps + "/c")).Ok().Body!["metadata"]!["ownerReferences"]!.AsArray().Count == 1, "the gone owner is no longer named");
        (await _api.DeleteAsync(Maps + "/b")).Ok();
        await _api.EventuallyGoneAsync(Maps + "/c");
    }

    [Fact]
    public async Task Dependent_OfAnOwnerThatNeverWas_IsDeleted()
    {
        await DependentAsync("c", "", ("a", "00000000-0000-0000-0000-000000000000"));
        await _api.EventuallyGoneAsync(Maps + "/c");
    }

    [Fact]
    public async Task Foreground_KeepsTheOwnerUntilItsDependentsAreGone()
    {
        var a = await OwnerAsync("a");
        await DependentAsync("b", "example.com/hold", ("a", a));
        (await _api.DeleteAsync(Maps + "/a", """{"propagationPolicy":"Foreground"}""")).Ok();
        await ApiFixture.EventuallyAsync(async () => (await _api.GetAsync(Maps + "/b")).Ok().Body!["metadata"]!["deletionTimestamp"] is not null, "the dependent is being deleted");
        (await _api.GetAsync(Maps + "/a")).Ok();
        (await _api.MergeAsync(Maps + "/b", """{"metadata":{"finalizers":null}}""")).Ok();
        await _api.EventuallyGoneAsync(Maps + "/a");
    }

    [Fact]
    public async Task Orphan_LeavesTheDependents()
    {
        var a = await OwnerAsync("a");
        await DependentAsync("b", "", ("a", a));
        (await _api.DeleteAsync(Maps + "/a", """{"propagationPolicy":"Orphan"}""")).Ok();
        await _api.EventuallyGoneAsync(Maps + "/a");
        Assert.Null((await _api.GetAsync(Maps + "/b")).Ok().Body!["metadata"]!["ownerReferences"]);
    }

    [Fact]
    public async Task Namespace_Deleted_TakesItsContentAlong()
    {
        (await _api.PostAsync("/api/v1/namespaces", """{"metadata":{"name":"t"}}""")).Ok();
        (await _api.GetAsync("/api/v1/namespaces/t/serviceaccounts/default")).Ok();
        (await _api.PostAsync("/api/v1/namespaces/t/configmaps", """{"metadata":{"name":"held","finalizers":["example.com/hold"]}}""")).Ok();
        (await _api.PostAsync("/api/v1/namespaces/t/pods", ApiFixture.Pod("p"))).Ok();
        var deleting = (await _api.DeleteAsync("/api/v1/namespaces/t")).Ok();
        Assert.Equal("Terminating", (string?)deleting["status.phase"]);
        await _api.EventuallyGoneAsync("/api/v1/namespaces/t/pods/p");
        var refused = await _api.PostAsync("/api/v1/namespaces/t/configmaps", ApiFixture.ConfigMap("new"));
        Assert.Equal(HttpStatusCode.Forbidden, refused.Code);
        Assert.Contains("unable to create new content in namespace t because it is being terminated", refused.Message);
        (await _api.MergeAsync("/api/v1/namespaces/t/configmaps/held", """{"metadata":{"finalizers":null}}""")).Ok();
        await _api.EventuallyGoneAsync("/api/v1/namespaces/t");
        Assert.Equal(HttpStatusCode.Forbidden, (await _api.DeleteAsync("/api/v1/namespaces/default")).Code);
    }

    [Fact]
    public async Task Restart_GoesOnWithWhatWasLeft()
    {
        var a = await OwnerAsync("a");
        for (var i = 0; i < 20; i++)
        {
            await DependentAsync($"d{i}", "", ("a", a));
        }

        (await _api.DeleteAsync(Maps + "/a")).Ok();
        await _api.RestartAsync();
        await ApiFixture.EventuallyAsync(async () => (await _api.GetAsync(Maps)).Ok().Body!["items"]!.AsArray().Count == 0, "all dependents are gone");
    }

    [Fact]
    public async Task Events_NotSeenForAnHour_AreDeleted()
    {
        var clock = new ShiftedClock();
        await using var api = await ApiFixture.StartAsync(o => o with { EventSweepInterval = TimeSpan.FromMilliseconds(100), Time = clock });
        const string Events = "/api/v1/namespaces/default/events";
        static string Event(string name) => $$$"""{"metadata":{"name":"{{{name}}}"},"involvedObject":{"kind":"Pod","name":"p","namespace":"default"}}""";
        (await api.PostAsync(Events, Event("old"))).Ok();
        (await api.PostAsync(Events, Event("repeated"))).Ok();
        clock.Offset = TimeSpan.FromMinutes(50);
        (await api.MergeAsync(Events + "/repeated", $$"""{"lastTimestamp":"{{clock.GetUtcNow():yyyy-MM-dd'T'HH:mm:ss'Z'}}"}""")).Ok();
        (await api.GetAsync(Events + "/old")).Ok();
        clock.Offset = TimeSpan.FromMinutes(70);
        await api.EventuallyGoneAsync(Events + "/old");
        (await api.GetAsync(Events + "/repeated")).Ok();
    }

    private sealed class ShiftedClock : TimeProvider
    {
        public TimeSpan Offset { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Offset;
    }

    [Fact]
    public async Task DeleteCollection_DeletesWhatTheSelectorMatches()
    {
        await _api.PostAsync(Maps, ApiFixture.ConfigMap("a", labels: """{"x":"1"}"""));
        await _api.PostAsync(Maps, ApiFixture.ConfigMap("b", labels: """{"x":"2"}"""));
        (await _api.DeleteAsync(Maps + "?labelSelector=x%3D1")).Ok();
        var left = (await _api.GetAsync(Maps)).Ok();
        Assert.Equal("b", (string?)left.Body!["items"]!.AsArray().Single()!["metadata"]!["name"]);
    }
}
