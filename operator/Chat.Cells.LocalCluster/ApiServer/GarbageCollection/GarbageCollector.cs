namespace Chat.Cells.LocalCluster.ApiServer.GarbageCollection;

/// <summary>
/// Carries out what deletions leave behind: dependents of owners that are gone, foreground and orphan propagation, the content of deleted namespaces and CRDs.
/// It is level-triggered: after every change that could matter it looks at everything once, so nothing depends on an event being seen.
/// </summary>
internal sealed partial class GarbageCollector(ObjectStore store, ResourceRegistry registry, LocalApiServerOptions options, ILogger logger)
{
    private readonly ObjectDeleter _deleter = new(store, options);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var changes = new List<ObjectChange>();
        var version = store.Read().Version;
        var pending = true;
        while (!cancellationToken.IsCancellationRequested)
        {
            changes.Clear();
            var complete = store.Changes.TryRead(version, changes, out var next);
            version = complete ? (changes.Count > 0 ? changes[^1].ResourceVersion : version) : store.Read().Version;
            if (pending || !complete || changes.Exists(Matters))
            {
                try
                {
                    pending = false;
                    await SweepAsync(store.Read().Objects, cancellationToken);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // Somebody changed the same object, or the disk refused: the next round sees the state anew. Whatever it is, collection never ends.
                    if (e is ApiException)
                    {
                        LogFailed(logger, e);
                    }
                    else
                    {
                        LogBroken(logger, e);
                    }

                    pending = true;
                    await Task.Delay(TimeSpan.FromMilliseconds(200), options.Time, cancellationToken);
                }

                continue;
            }

            await next.WaitAsync(cancellationToken);
        }
    }

    private static bool Matters(ObjectChange change) =>
        change.Kind == ChangeKind.Deleted || change.Object.IsDeleting || (change.Object.Owners.Count > 0 && (change.Previous is null || !change.Object.Owners.SequenceEqual(change.Previous.Owners)));

    private async Task SweepAsync(ObjectIndex objects, CancellationToken cancellationToken)
    {
        var byUid = new Dictionary<string, StoredObject>(StringComparer.Ordinal);
        var dependents = new Dictionary<string, List<StoredObject>>(StringComparer.Ordinal);
        foreach (var o in objects.All)
        {
            byUid[o.Uid] = o;
            foreach (var owner in o.Owners)
            {
                if (!dependents.TryGetValue(owner, out var list))
                {
                    dependents[owner] = list = [];
                }

                list.Add(o);
            }
        }

        foreach (var o in objects.All)
        {
            if (o.Owners.Count > 0)
            {
                await CheckOwnersAsync(objects, o, byUid, cancellationToken);
            }

            if (!o.IsDeleting)
            {
                continue;
            }

            var children = dependents.GetValueOrDefault(o.Uid) ?? [];
            var finalizers = o.Parse().At("metadata").Texts("finalizers").ToList();
            if (finalizers.Contains(ObjectDeleter.Orphan, StringComparer.Ordinal))
            {
                foreach (var child in children)
                {
                    await DropOwnersAsync(child, uid => uid == o.Uid, cancellationToken);
                }

                await DropFinalizerAsync(o, ObjectDeleter.Orphan, cancellationToken);
            }
            else if (finalizers.Contains(ObjectDeleter.Foreground, StringComparer.Ordinal))
            {
                await ForegroundAsync(objects, o, children, dependents, cancellationToken);
            }

            if (o.Key.Resource == "namespaces")
            {
                await EmptyNamespaceAsync(objects, o, cancellationToken);
            }
            else if (finalizers.Contains(CrdRules.Finalizer, StringComparer.Ordinal) && o.Key.Resource == "customresourcedefinitions.apiextensions.k8s.io")
            {
                await EmptyCrdAsync(objects, o, cancellationToken);
            }
        }
    }

    private async Task CheckOwnersAsync(ObjectIndex objects, StoredObject o, Dictionary<string, StoredObject> byUid, CancellationToken cancellationToken)
    {
        var absent = o.Owners.Where(u => !byUid.ContainsKey(u)).ToHashSet(StringComparer.Ordinal);
        if (absent.Count == 0)
        {
            return;
        }

        if (absent.Count == o.Owners.Distinct(StringComparer.Ordinal).Count())
        {
            await DeleteAsync(objects, o, "Background", cancellationToken);
        }
        else
        {
            await DropOwnersAsync(o, absent.Contains, cancellationToken);
        }
    }

    private async Task ForegroundAsync(
        ObjectIndex objects, StoredObject owner, List<StoredObject> children, Dictionary<string, List<StoredObject>> dependents, CancellationToken cancellationToken)
    {
        var blocked = false;
        foreach (var child in children)
        {
            await DeleteAsync(objects, child, dependents.ContainsKey(child.Uid) ? "Foreground" : "Background", cancellationToken);
            blocked |= child.Parse().At("metadata").Items("ownerReferences").Any(r => r.Text("uid") == owner.Uid && r.Flag("blockOwnerDeletion") == true);
        }

        if (!blocked || !children.Exists(c => store.Read().Objects.Get(c.Key)?.Uid == c.Uid))
        {
            await DropFinalizerAsync(owner, ObjectDeleter.Foreground, cancellationToken);
        }
    }

    private async Task EmptyNamespaceAsync(ObjectIndex objects, StoredObject ns, CancellationToken cancellationToken)
    {
        var content = objects.All.Where(o => o.Key.Namespace == ns.Key.Name).ToList();
        foreach (var o in content)
        {
            await DeleteAsync(objects, o, "Background", cancellationToken);
        }

        if (!store.Read().Objects.All.Any(o => o.Key.Namespace == ns.Key.Name))
        {
            await ChangeAsync(ns, value => value.Child("spec").Remove("finalizers"), cancellationToken);
        }
    }

    private async Task EmptyCrdAsync(ObjectIndex objects, StoredObject crd, CancellationToken cancellationToken)
    {
        foreach (var o in objects.List(crd.Key.Name))
        {
            await DeleteAsync(objects, o, "Background", cancellationToken);
        }

        if (!store.Read().Objects.List(crd.Key.Name).Any())
        {
            await DropFinalizerAsync(crd, CrdRules.Finalizer, cancellationToken);
        }
    }

    private async Task DeleteAsync(ObjectIndex objects, StoredObject o, string propagation, CancellationToken cancellationToken)
    {
        if (o.IsDeleting || registry.FindByResource(objects, o.Key.Resource) is not { } kind)
        {
            return;
        }

        try
        {
            var target = new Target(kind, kind.Version(kind.StorageVersion) ?? new ServedVersion(kind.StorageVersion, Schema.Anything), o.Key.Namespace, o.Key.Name);
            await _deleter.DeleteAsync(target, new DeleteOptions { Propagation = propagation, Uid = o.Uid }, cancellationToken);
            LogDeleted(logger, o.Key);
        }
        catch (ApiException e) when (e.Code is 404 or 409)
        {
            LogFailed(logger, e); // Gone already, or another object under its name.
        }
    }

    private Task DropOwnersAsync(StoredObject o, Func<string, bool> drop, CancellationToken cancellationToken) => ChangeAsync(
        o,
        value =>
        {
            var metadata = value.Child("metadata");
            var kept = metadata.Items("ownerReferences").Where(r => !drop(r.Text("uid") ?? "")).Select(r => r.DeepClone()).ToArray();
            metadata.Remove("ownerReferences");
            if (kept.Length > 0)
            {
                metadata["ownerReferences"] = new JsonArray(kept);
            }
        },
        cancellationToken);

    private Task DropFinalizerAsync(StoredObject o, string finalizer, CancellationToken cancellationToken) => ChangeAsync(
        o,
        value =>
        {
            var metadata = value.Child("metadata");
            var kept = metadata.Texts("finalizers").Where(f => f != finalizer).Select(f => (JsonNode)f).ToArray();
            metadata.Remove("finalizers");
            if (kept.Length > 0)
            {
                metadata["finalizers"] = new JsonArray(kept);
            }
        },
        cancellationToken);

    private Task<bool> ChangeAsync(StoredObject o, Action<JsonObject> change, CancellationToken cancellationToken) => store.WriteAsync(
        t =>
        {
            var current = t.Get(o.Key);
            var kind = registry.FindByResource(t.Objects, o.Key.Resource);
            if (current is null || current.Uid != o.Uid || kind is null)
            {
                return false;
            }

            var value = current.Parse();
            change(value);
            if (JsonNodes.Same(value, current.Parse()))
            {
                return false;
            }

            if (current.IsDeleting && ObjectWriter.IsFree(value, kind))
            {
                t.Put(o.Key, value);
                t.Delete(o.Key);
            }
            else
            {
                t.Put(o.Key, value);
            }

            return true;
        },
        cancellationToken);

    [LoggerMessage(EventId = 20, Level = LogLevel.Debug, Message = "Collected {Key}")]
    private static partial void LogDeleted(ILogger logger, ObjectKey key);

    [LoggerMessage(EventId = 21, Level = LogLevel.Debug, Message = "A collection step failed and will be tried again")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    [LoggerMessage(EventId = 22, Level = LogLevel.Error, Message = "A collection step failed in an unexpected way and will be tried again")]
    private static partial void LogBroken(ILogger logger, Exception exception);
}
