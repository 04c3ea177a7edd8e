using System.Runtime.CompilerServices;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using static TorchSharp.torch;

namespace MedPeft.Lora.Prediction;

public sealed partial class Predictor
{
    /// <summary>Batches of a stream that are loaded as one set; between two sets the loader's threads pause.</summary>
    private const int BatchesAhead = 16;

    /// <summary>Predicts one file, on the calling thread.</summary>
    /// <param name="path">A file that <see cref="ImageDecoder"/> reads.</param>
    /// <exception cref="ImageException">It cannot be read, and <see cref="PredictorOptions.OnBadImage"/> is <see cref="OnBadImage.Raise"/>.</exception>
    public ImagePrediction Predict(string path) => Predict(ImageInput.FromFile(path));

    /// <summary>Predicts one image, on the calling thread.</summary>
    /// <param name="input">The image.</param>
    /// <exception cref="ImageException">It cannot be read, and <see cref="PredictorOptions.OnBadImage"/> is <see cref="OnBadImage.Raise"/>.</exception>
    public ImagePrediction Predict(ImageInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        try
        {
            using var image = Prepare(input.Read());
            return Row(input.Name, Logits(image));
        }
        catch (ImageException problem) when (Options.OnBadImage.Limit > 0)
        {
            return ImagePrediction.Bad(input.Name, problem.Problem);
        }
    }

    /// <summary>Predicts the images of a folder, by name; see <see cref="ImageInput.FromFolder"/>.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="cancellationToken">Ends the enumeration with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>A row for each image, as they become ready.</returns>
    /// <exception cref="ImageException">There is no such folder. While enumerating: more images cannot be read than <see cref="PredictorOptions.OnBadImage"/> allows.</exception>
    public IEnumerable<ImagePrediction> PredictFolder(string folder, CancellationToken cancellationToken = default) => Predict(ImageInput.FromFolder(folder), cancellationToken);

    /// <summary>Predicts a list or a stream of images, decoding ahead on threads of its own.</summary>
    /// <param name="inputs">The images; a stream is read a few batches ahead, never to its end first.</param>
    /// <param name="cancellationToken">Ends the enumeration with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>A row for each image, in the order of <paramref name="inputs"/>, as they become ready.</returns>
    /// <exception cref="ImageException">While enumerating: more images cannot be read than <see cref="PredictorOptions.OnBadImage"/> allows.</exception>
    public IEnumerable<ImagePrediction> Predict(IEnumerable<ImageInput> inputs, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return Rows();

        IEnumerable<ImagePrediction> Rows()
        {
            var bad = new BadImages(Options.OnBadImage);
            if (inputs is IReadOnlyCollection<ImageInput> list)
            {
                bad.Total = list.Count;
                foreach (var row in PredictSet([.. list], bad, cancellationToken)) yield return row;
                yield break;
            }

            foreach (var set in inputs.Chunk(Options.BatchSize * BatchesAhead))
            {
                bad.Total += set.Length;
                foreach (var row in PredictSet(set, bad, cancellationToken)) yield return row;
            }
        }
    }

    /// <summary>Predicts images as they arrive: those that are there share a pass, and none waits for later ones.</summary>
    /// <param name="inputs">The images.</param>
    /// <param name="cancellationToken">Ends the enumeration with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>A row for each image, in their order.</returns>
    /// <exception cref="ImageException">While enumerating: more images cannot be read than <see cref="PredictorOptions.OnBadImage"/> allows.</exception>
    public async IAsyncEnumerable<ImagePrediction> PredictAsync(IAsyncEnumerable<ImageInput> inputs, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var bad = new BadImages(Options.OnBadImage);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var source = inputs.GetAsyncEnumerator(stop.Token);
        var next = source.MoveNextAsync().AsTask();
        try
        {
            for (var more = true; more;)
            {
                var set = new List<ImageInput>();
                while (set.Count < Options.BatchSize && (set.Count == 0 || next.IsCompleted) && (more = await next.ConfigureAwait(false)))
                {
                    set.Add(source.Current);
                    next = source.MoveNextAsync().AsTask();
                }

                if (set.Count == 0) yield break;
                bad.Total += set.Count;
                foreach (var row in await Task.Run(() => PredictSet([.. set], bad, cancellationToken).ToList(), cancellationToken).ConfigureAwait(false)) yield return row;
            }
        }
        finally
        {
            // A source may not be left while it moves on.
            await stop.CancelAsync().ConfigureAwait(false);
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private IEnumerable<ImagePrediction> PredictSet(ImageInput[] inputs, BadImages bad, CancellationToken cancellationToken)
    {
        if (inputs.Length == 0) yield break;
        var labels = new float[Labels.Count];
        Array.Fill(labels, float.NaN);
        var sources = new Dictionary<ImageRecord, ImageInput>(ReferenceEqualityComparer.Instance);
        var records = Array.ConvertAll(inputs, input => new ImageRecord { Path = input.Name, Labels = labels });
        for (var i = 0; i < inputs.Length; i++) sources.Add(records[i], inputs[i]);

        using var loader = Loader(new ImageDataset("images", Labels, records), record => sources[record].Read(), Options.OnBadImage.Limit > 0 ? OnBadImage.SkipAndRecord(1) : OnBadImage.Raise);
        var done = 0;
        foreach (var batch in loader.Epoch(0, cancellationToken))
        {
            using var owned = batch;
            var logits = Logits(batch.Images);
            for (var i = 0; i < batch.Count; i++)
            {
                foreach (var row in Skipped(batch.Indices[i])) yield return row;
                yield return Row(inputs[done++].Name, logits.AsSpan(i * labels.Length, labels.Length));
            }
        }

        foreach (var row in Skipped(inputs.Length)) yield return row;

        // The images before a position that had no place in a batch.
        IEnumerable<ImagePrediction> Skipped(int until)
        {
            if (done == until) yield break;
            var problems = loader.Skipped.ToDictionary(image => image.Index, image => image.Problem);
            for (; done < until; done++)
            {
                bad.Add(inputs[done].Name, problems[done]);
                yield return ImagePrediction.Bad(inputs[done].Name, problems[done]);
            }
        }
    }

    private ImageLoader Loader(ImageDataset data, Func<ImageRecord, PixelImage>? read, OnBadImage onBad) => new(data, _pipeline, new ImageLoaderOptions
    {
        BatchSize = Math.Min(Options.BatchSize, data.Count),
        Threads = Options.LoaderThreads,
        OnBadImage = onBad,
        Read = read,
    });

    private Tensor Prepare(PixelImage image)
    {
        var values = new float[_pipeline.Channels * _pipeline.Size * _pipeline.Size];
        var random = SampleRandom.For(0, 0, 0);
        _pipeline.Run(image, ref random, values);
        return tensor(values, [1, _pipeline.Channels, _pipeline.Size, _pipeline.Size]).DetachFromDisposeScope();
    }

    /// <summary>Counts the images that cannot be read, over the sets of a stream.</summary>
    private sealed class BadImages(OnBadImage policy)
    {
        private int _count;

        /// <summary>Images so far, or of the whole list.</summary>
        public int Total { get; set; }

        public void Add(string name, string problem)
        {
            var allowed = policy.Allowed(Total);
            if (++_count > allowed)
            {
                throw new ImageException(
                    name, $"cannot be read, and {allowed} of {Total} images were skipped before it: the limit of {policy}. Its own error: {problem}");
            }
        }
    }
}
