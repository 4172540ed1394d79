namespace Chat.Cells.LocalCluster.ApiServer.Http;

/// <summary>Every request comes through here: health, authentication, discovery, objects; failures become Status answers.</summary>
internal sealed partial class RequestPipeline(
    ObjectStore store, ResourceRegistry registry, LocalApiServerOptions options, ServerIdentity identity, ILogger logger, CancellationToken stopping)
{
    private readonly ResourceEndpoints _resources = new(store, registry, options);

    public async Task HandleAsync(HttpContext context)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        try
        {
            await RouteAsync(context, ending.Token);
        }
        catch (ApiException e)
        {
            await Responses.WriteErrorAsync(context, e);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The caller went away, or the server stops: there is nobody to answer.
            if (!context.Response.HasStarted)
            {
                context.Response.StatusCode = 503;
            }
        }
        catch (BadHttpRequestException e)
        {
            await Responses.WriteErrorAsync(context, new ApiException(e.StatusCode, "BadRequest", e.Message));
        }
        catch (IOException e) when (context.RequestAborted.IsCancellationRequested || context.Response.HasStarted)
        {
            LogAborted(logger, e.Message);
        }
        catch (Exception e)
        {
            LogFailed(logger, e, context.Request.Method, context.Request.Path);
            await Responses.WriteErrorAsync(context, new ApiException(500, "InternalError", "Internal error occurred: " + (e is IOException ? e.Message : e.GetType().Name)));
        }
    }

    private async Task RouteAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var path = context.Request.Path.Value ?? "/";
        if (path is "/healthz" or "/livez" or "/readyz")
        {
            context.Response.ContentType = "text/plain";
            await context.Response.WriteAsync("ok", cancellationToken);
            return;
        }

        if (!identity.Accepts(context.Request.Headers.Authorization))
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            throw new ApiException(401, "Unauthorized", "Unauthorized");
        }

        if (context.Request.Headers.Keys.Any(h => h.StartsWith("Impersonate-", StringComparison.OrdinalIgnoreCase)))
        {
            throw ApiException.NotSupportedHere("impersonation");
        }

        if (Document(context.Request, path) is { } document)
        {
            if (!HttpMethods.IsGet(context.Request.Method))
            {
                throw ApiException.MethodNotAllowed();
            }

            await Responses.WriteAsync(context, 200, document);
            return;
        }

        await _resources.HandleAsync(context, RequestPath.Parse(path) ?? throw ApiException.NoSuchResource(), cancellationToken);
    }

    private JsonNode? Document(HttpRequest request, string path)
    {
        var parts = path.Trim('/').Split('/');
        IReadOnlyList<ResourceKind> Kinds() => registry.Kinds(store.Read().Objects);
        return parts switch
        {
            ["version"] => DiscoveryDocuments.Version(),
            ["api"] => DiscoveryDocuments.CoreVersions(request.Host.Value ?? ""),
            ["apis"] => DiscoveryDocuments.Groups(Kinds()),
            ["apis", var group] => DiscoveryDocuments.Group(Kinds(), group),
            ["api", var version] => DiscoveryDocuments.Resources(Kinds(), "", version),
            ["apis", var group, var version] => DiscoveryDocuments.Resources(Kinds(), group, version),
            ["openapi", "v3"] => OpenApiDocuments.Index(Kinds()),
            ["openapi", "v3", "api", var version] => OpenApiDocuments.Document(Kinds(), "", version),
            ["openapi", "v3", "apis", var group, var version] => OpenApiDocuments.Document(Kinds(), group, version),
            [""] => new JsonObject { ["paths"] = new JsonArray("/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version") },
            _ => null,
        };
    }

    [LoggerMessage(EventId = 10, Level = LogLevel.Error, Message = "{Method} {Path} failed")]
    private static partial void LogFailed(ILogger logger, Exception exception, string method, string path);

    [LoggerMessage(EventId = 11, Level = LogLevel.Debug, Message = "A caller went away: {Reason}")]
    private static partial void LogAborted(ILogger logger, string reason);
}
