using System.Net;
using System.Text.Json.Nodes;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

/// <summary>The real kubectl against the server.</summary>
public sealed class KubectlTests : IAsyncLifetime
{
    private const string CronTabCrd = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata:
          name: crontabs.stable.example.com
        spec:
          group: stable.example.com
          scope: Namespaced
          names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [all]}
          versions:
          - name: v1
            served: true
            storage: true
            subresources:
              status: {}
              scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.labelSelector}
            additionalPrinterColumns:
            - {name: Spec, type: string, jsonPath: .spec.cronSpec, description: The cron spec}
            - {name: Replicas, type: integer, jsonPath: .spec.replicas}
            - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
            - {name: Image, type: string, jsonPath: .spec.image, priority: 1}
            - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
            schema:
              openAPIV3Schema:
                description: CronTab runs something now and then.
                type: object
                properties:
                  spec:
                    description: What is wanted.
                    type: object
                    properties:
                      cronSpec: {type: string, description: When it runs., pattern: '^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$'}
                      image: {type: string}
                      replicas: {type: integer, minimum: 1, maximum: 10, default: 1}
                  status:
                    type: object
                    properties:
                      replicas: {type: integer}
                      labelSelector: {type: string}
                      conditions:
                        type: array
                        x-kubernetes-list-type: map
                        x-kubernetes-list-map-keys: [type]
                        items: {type: object, required: [type, status], properties: {type: {type: string}, status: {type: string}}}
        """;

    private const string CronTab = "{apiVersion: stable.example.com/v1, kind: CronTab, metadata: {name: tab}, spec: {cronSpec: '* * * * */5', image: my-image}}";

    private ApiFixture _api = null!;
    private Kubectl _kubectl = null!;

    public async Task InitializeAsync()
    {
        _api = await ApiFixture.StartAsync();
        _kubectl = new Kubectl(_api.Server.KubeconfigPath, _api.DirectoryPath);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    private async Task ServeCronTabsAsync()
    {
        (await _kubectl.RunAsync("apply -f -", CronTabCrd)).Ok();
        (await _kubectl.RunAsync("wait --for=condition=Established crd/crontabs.stable.example.com --timeout=60s")).Ok();
    }

    [KubectlFact]
    public async Task ApiResources_ListsBuiltInAndCustomKinds()
    {
        await ServeCronTabsAsync();
        var output = (await _kubectl.RunAsync("api-resources")).Ok();
        Assert.Matches(@"statefulsets +sts +apps/v1 +true +StatefulSet", output);
        Assert.Matches(@"crontabs +ct +stable.example.com/v1 +true +CronTab", output);
        Assert.Contains("v1.32", (await _kubectl.RunAsync("version")).Ok());
    }

    [KubectlFact]
    public async Task Apply_ThenGetWaitAndDelete_OfACustomObject()
    {
        await ServeCronTabsAsync();
        Assert.Equal("crontab.stable.example.com/tab created\n", (await _kubectl.RunAsync("apply -f -", CronTab)).Ok());
        Assert.Equal("crontab.stable.example.com/tab unchanged\n", (await _kubectl.RunAsync("apply -f -", CronTab)).Ok());
        var table = (await _kubectl.RunAsync("get crontabs")).Ok();
        Assert.Matches(@"^NAME +SPEC +REPLICAS +READY +AGE\ntab +\* \* \* \* \*/5 +1 +\d+s\n$", table);
        Assert.Contains("my-image", (await _kubectl.RunAsync("get ct -o wide")).Ok());
        Assert.NotEqual(0, (await _kubectl.RunAsync("wait --for=condition=Ready crontab --all --timeout=1s")).Code);
        (await _kubectl.RunAsync("patch crontab tab --subresource=status --type=merge -p {\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}".Replace("\"", "\\\""))).Ok();
        Assert.Contains("condition met", (await _kubectl.RunAsync("wait --for=condition=Ready crontab --all --timeout=60s")).Ok());
        Assert.Matches(@"tab +\* \* \* \* \*/5 +1 +True", (await _kubectl.RunAsync("get all")).Ok());
        Assert.Contains("cronSpec: '* * * * */5'", (await _kubectl.RunAsync("get ct tab -o yaml")).Ok());
        Assert.Contains("Cron Spec:", (await _kubectl.RunAsync("describe ct tab")).Ok());
        (await _kubectl.RunAsync("delete ct tab")).Ok();
        Assert.Contains("NotFound", (await _kubectl.RunAsync("get ct tab")).Error);
    }

    [KubectlFact]
    public async Task Apply_OfWhatTheSchemaForbids_IsToldByKubectl()
    {
        await ServeCronTabsAsync();
        var unknown = await _kubectl.RunAsync("apply -f -", CronTab.Replace("image:", "imago:"));
        Assert.Contains("strict decoding error: unknown field \"spec.imago\"", unknown.Error);
        var invalid = await _kubectl.RunAsync("apply -f -", CronTab.Replace("'* * * * */5'", "'* *', replicas: 15"));
        Assert.Contains("* spec.cronSpec: Invalid value: \"* *\": spec.cronSpec in body should match", invalid.Error);
        Assert.Contains("* spec.replicas: Invalid value: 15: spec.replicas in body should be less than or equal to 10", invalid.Error);
    }

    [KubectlFact]
    public async Task ServerSideApply_Conflicts_AndScaleIsAManagerOfItsOwn()
    {
        await ServeCronTabsAsync();
        const string Wanted = "{apiVersion: stable.example.com/v1, kind: CronTab, metadata: {name: tab}, spec: {replicas: 2}}";
        Assert.Contains("serverside-applied", (await _kubectl.RunAsync("apply --server-side -f -", Wanted)).Ok());
        (await _kubectl.RunAsync("scale ct tab --replicas=4")).Ok();
        var conflict = await _kubectl.RunAsync("apply --server-side -f -", Wanted);
        Assert.Contains("Apply failed with 1 conflict: conflict with ", conflict.Error);
        Assert.Contains(".spec.replicas", conflict.Error);
        (await _kubectl.RunAsync("apply --server-side --force-conflicts -f -", Wanted)).Ok();
        Assert.Equal("2", (await _kubectl.RunAsync("get ct tab -o jsonpath={.spec.replicas}")).Text());
        (await _kubectl.RunAsync("label ct tab a=b")).Ok();
        (await _kubectl.RunAsync("annotate ct tab c=d")).Ok();
        Assert.Contains("tab", (await _kubectl.RunAsync("get ct -l a=b")).Ok());
    }

    [KubectlFact]
    public async Task Explain_ShowsTheTextOfTheSchema()
    {
        await ServeCronTabsAsync();
        var output = (await _kubectl.RunAsync("explain crontab.spec")).Ok();
        Assert.Contains("What is wanted.", output);
        Assert.Contains("When it runs.", output);
        Assert.Contains("StatefulSet", (await _kubectl.RunAsync("explain sts.spec")).Ok());
    }

    [KubectlFact]
    public async Task GetWatch_PrintsChangesAsTheyCome()
    {
        await ServeCronTabsAsync();
        (await _kubectl.RunAsync("apply -f -", CronTab)).Ok();
        var result = await _kubectl.RunAsync(
            "get ct -w",
            null,
            output => output.Split('\n').Length >= 5,
            async () =>
            {
                await _api.MergeAsync("/apis/stable.example.com/v1/namespaces/default/crontabs/tab", """{"spec":{"replicas":7}}""");
                await _api.DeleteAsync("/apis/stable.example.com/v1/namespaces/default/crontabs/tab");
            });
        Assert.Matches(@"^NAME +SPEC +REPLICAS +READY +AGE\ntab .* 1 .*\ntab .* 7 .*\ntab .* 7 .*\n$", result.Output);
    }

    [KubectlFact]
    public async Task ApplyOfBuiltInKinds_MergesAsOnARealServer()
    {
        const string Manifest = """
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec: {type: NodePort, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
            ---
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              selector: {matchLabels: {app: web}}
              template:
                metadata: {labels: {app: web}}
                spec: {containers: [{name: c, image: x, env: [{name: A, value: "1"}, {name: B, value: "2"}]}]}
            ---
            apiVersion: policy/v1
            kind: PodDisruptionBudget
            metadata: {name: web}
            spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
            """;
        var first = await _kubectl.RunAsync("apply -f -", Manifest);
        first.Ok();
        Assert.Contains("Warning: PodDisruptionBudget is stored but not enforced here", first.Error);
        Assert.Contains("deployment.apps/web unchanged", (await _kubectl.RunAsync("apply -f -", Manifest)).Ok());
        (await _kubectl.RunAsync("set env deploy/web C=3")).Ok();
        (await _kubectl.RunAsync("set image deploy/web c=y")).Ok();
        (await _kubectl.RunAsync("apply -f -", Manifest.Replace("""{name: A, value: "1"}, """, ""))).Ok();
        Assert.Equal("B C", (await _kubectl.RunAsync("get deploy web -o jsonpath={.spec.template.spec.containers[0].env[*].name}")).Text());
        Assert.Matches(@"web +NodePort +127\.96\.\d+\.\d+ +<none> +80:3\d+/TCP", (await _kubectl.RunAsync("get svc")).Ok());
        Assert.Matches(@"web +0/1 +0 +0 +", (await _kubectl.RunAsync("get deploy")).Ok());
        (await _kubectl.RunAsync("delete -f -", Manifest)).Ok();
        Assert.Contains("No resources found", (await _kubectl.RunAsync("get all")).Error);
    }

    [KubectlFact]
    public async Task Create_OfTheKindsThatKubectlSendsInBinary_WorksOrSaysWhatToDo()
    {
        (await _kubectl.RunAsync("create namespace t")).Ok();
        (await _kubectl.RunAsync("-n t create configmap c --from-literal=k=v")).Ok();
        (await _kubectl.RunAsync("-n t create secret generic s --from-literal=p=hunter2")).Ok();
        (await _kubectl.RunAsync("-n t create serviceaccount sa")).Ok();
        Assert.Equal("v", (await _kubectl.RunAsync("-n t get cm c -o jsonpath={.data.k}")).Text());
        Assert.Equal("aHVudGVyMg==", (await _kubectl.RunAsync("-n t get secret s -o jsonpath={.data.p}")).Text());
        Assert.Contains("not supported here; send JSON or YAML", (await _kubectl.RunAsync("-n t create deployment d --image=x")).Error);
        (await _kubectl.RunAsync("delete namespace t")).Ok();
        Assert.Contains("NotFound", (await _kubectl.RunAsync("get namespace t")).Error);
    }

    [KubectlFact]
    public async Task Logs_ComeFromThePodsFiles_AndFollowUntilThePodIsGone()
    {
        const string Path = "/api/v1/namespaces/default/pods/p";
        var pod = (await _api.PostAsync("/api/v1/namespaces/default/pods", ApiFixture.Pod("p", node: "local"))).Ok();
        Assert.Contains("waiting to start", (await _kubectl.RunAsync("logs p")).Error);
        var folder = Directory.CreateDirectory(System.IO.Path.Combine(_api.DirectoryPath, "pods", (string)pod["metadata.uid"]!)).FullName;
        var file = System.IO.Path.Combine(folder, "c.log");
        await File.WriteAllTextAsync(file, "one\ntwo\nthree\n");
        await File.WriteAllTextAsync(System.IO.Path.Combine(folder, "c.prev.log"), "before\n");
        Assert.Equal("one\ntwo\nthree\n", (await _kubectl.RunAsync("logs p")).Ok());
        Assert.Equal("two\nthree\n", (await _kubectl.RunAsync("logs p --tail=2")).Ok());
        Assert.Equal("", (await _kubectl.RunAsync("logs p --tail=0")).Ok());
        Assert.Equal("before\n", (await _kubectl.RunAsync("logs p -p")).Ok());
        Assert.Contains("not supported here", (await _kubectl.RunAsync("logs p --timestamps")).Error);
        Assert.Contains("container x is not valid for pod p", (await _kubectl.RunAsync("logs p -c x")).Error);
        var followed = await _kubectl.RunAsync(
            "logs -f p --tail=1",
            null,
            _ => false,
            async () =>
            {
                await File.AppendAllTextAsync(file, "four\n");
                (await _api.DeleteAsync(Path + "?gracePeriodSeconds=0")).Ok();
            });
        Assert.Equal("three\nfour\n", followed.Ok());
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync(Path)).Code);
    }

    [KubectlFact]
    public async Task GetPods_ShowsWhatTheStatusSays()
    {
        await _api.PostAsync("/api/v1/namespaces/default/pods", ApiFixture.Pod("p", node: "local"));
        async Task<string> RowAsync(string status)
        {
            (await _api.MergeAsync("/api/v1/namespaces/default/pods/p/status", status)).Ok();
            return (await _kubectl.RunAsync("get pods --no-headers")).Ok();
        }

        Assert.Matches(@"^p +0/1 +CrashLoopBackOff +3 ", await RowAsync("""{"status":{"phase":"Running","containerStatuses":[{"name":"c","restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}"""));
        Assert.Matches(@"^p +1/1 +Running +3 ", await RowAsync("""{"status":{"containerStatuses":[{"name":"c","ready":true,"restartCount":3,"state":{"running":{}}}]}}"""));
        Assert.Matches(@"^p +0/1 +Completed +0 ", await RowAsync("""{"status":{"phase":"Succeeded","containerStatuses":[{"name":"c","restartCount":0,"state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]}}"""));
        Assert.Matches(@"^p +0/1 +ExitCode:3 +0 ", await RowAsync("""{"status":{"phase":"Failed","containerStatuses":[{"name":"c","restartCount":0,"state":{"terminated":{"exitCode":3}}}]}}"""));
        Assert.Contains("Node:             local/", (await _kubectl.RunAsync("describe pod p")).Ok());
    }

    [KubectlFact]
    public async Task OtherPeoplesCrds_WithRulesListsAndFreeFields_Work()
    {
        // Shapes that are common in the wild: union by oneOf, list maps, embedded objects, quantities, conditions with enumerations.
        const string Routes = """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: routes.net.example.org}
            spec:
              group: net.example.org
              scope: Cluster
              names: {plural: routes, singular: route, kind: Route, listKind: RouteList}
              versions:
              - name: v1beta1
                served: true
                storage: true
                schema:
                  openAPIV3Schema:
                    type: object
                    required: [spec]
                    properties:
                      apiVersion: {type: string}
                      kind: {type: string}
                      metadata: {type: object}
                      spec:
                        type: object
                        required: [rules]
                        properties:
                          hostnames: {type: array, maxItems: 16, x-kubernetes-list-type: set, items: {type: string, minLength: 1, maxLength: 253}}
                          timeout: {x-kubernetes-int-or-string: true}
                          template: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
                          rules:
                            type: array
                            minItems: 1
                            x-kubernetes-validations:
                            - {rule: "self.all(r, size(r.backends) > 0 || has(r.redirect))", message: "each rule needs a backend or a redirect"}
                            - {rule: "self.map(r, has(r.name) ? r.name : '').filter(n, n != '').all(n, self.exists_one(r, has(r.name) && r.name == n))", message: "rule names must be unique"}
                            items:
                              type: object
                              oneOf: [{required: [path]}, {required: [regex]}]
                              properties:
                                name: {type: string}
                                path: {type: string, pattern: '^/'}
                                regex: {type: string}
                                redirect: {type: string, format: uri}
                                backends:
                                  type: array
                                  default: []
                                  x-kubernetes-list-type: map
                                  x-kubernetes-list-map-keys: [name, port]
                                  items:
                                    type: object
                                    required: [name]
                                    properties: {name: {type: string}, port: {type: integer, default: 80}, weight: {type: integer, default: 1, minimum: 0}}
            """;
        (await _kubectl.RunAsync("apply --server-side -f -", Routes)).Ok();
        const string Good = "{apiVersion: net.example.org/v1beta1, kind: Route, metadata: {name: r}, spec: {timeout: 5s, hostnames: [a.example], rules: [{name: x, path: /, backends: [{name: web}]}]}}";
        (await _kubectl.RunAsync("apply -f -", Good)).Ok();
        Assert.Equal("80", (await _kubectl.RunAsync("get route r -o jsonpath={.spec.rules[0].backends[0].port}")).Text());
        Assert.Equal("1", (await _kubectl.RunAsync("get route r -o jsonpath={.spec.rules[0].backends[0].weight}")).Text());
        foreach (var (from, to, expected) in ((string, string, string)[])
        [
            ("backends: [{name: web}]", "backends: []", "each rule needs a backend or a redirect"),
            ("path: /,", "path: /, regex: x,", "must validate one and only one schema (oneOf). Found 2 valid alternatives"),
            ("[a.example]", "[a.example, a.example]", "spec.hostnames[1]: Duplicate value: \"a.example\""),
            ("{name: web}]", "{name: web}, {name: web, port: 80}]", "spec.rules[0].backends[1]: Duplicate value"),
            ("rules: [{", "rules: [{name: x, path: /b, redirect: 'http://x'}, {", "rule names must be unique"),
            ("timeout: 5s", "timeout: 1.5", "must be of type integer,string"),
        ])
        {
            var answer = await _kubectl.RunAsync("apply -f -", Good.Replace(from, to));
            Assert.Equal(1, answer.Code);
            Assert.Contains(expected, answer.Error);
        }

        var names = JsonNode.Parse((await _kubectl.RunAsync("get routes -o json")).Ok())!["items"]!.AsArray();
        Assert.Single(names);
    }
}
