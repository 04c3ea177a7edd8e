using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Common;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Metrics;
using MedPeft.Lora.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace MedPeft.Lora.Prediction;

/// <summary>Turns radiographs into probabilities.</summary>
/// <remarks>
/// Thread-safe: any number of threads may predict and explain at once, over one set of weights; each call has buffers of its own. An image's
/// result does not depend on other threads; the last bits may depend on how many images share its pass. Only <see cref="Dispose"/> must wait for the others.
/// </remarks>
public sealed partial class Predictor : IDisposable
{
    /// <summary>How much finer than the model's input the radiograph below a heat map is, to the nearest.</summary>
    private const int PictureSide = 672;

    private readonly nn.Module<Tensor, Tensor> _model;
    private readonly ImagePipeline _pipeline, _picture;
    private readonly double?[] _thresholds;
    private readonly Device _device;
    private readonly ScalarType _type;
    private readonly bool _leaveOpen;

    /// <summary>Makes a predictor of a model.</summary>
    /// <param name="model">
    /// Takes [B, channels, S, S] and returns logits, [B, K]. It is moved to the device, put into evaluation mode and frozen; from then on it
    /// belongs to the predictor. Its own precision, bfloat16 for instance, is kept. Adapters that are merged cost nothing; see <see cref="Load"/>.
    /// </param>
    /// <param name="settings">Labels, preparation of the images, calibration.</param>
    /// <param name="options">How it works; the defaults if null.</param>
    /// <param name="leaveOpen">Whether the model outlives the predictor; false unless given.</param>
    /// <exception cref="ArgumentException">Model and settings do not fit.</exception>
    public Predictor(nn.Module<Tensor, Tensor> model, PredictionSettings settings, PredictorOptions? options = null, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(settings);
        NativeHeap.KeepFreed();
        (Settings, Options, _leaveOpen) = (settings, options ?? new PredictorOptions(), leaveOpen);
        _pipeline = settings.Pipeline();
        _picture = settings.Pipeline(Math.Max(1, (int)Math.Round((double)PictureSide / settings.ImageSize)));
        _thresholds = settings.ThresholdsInOrder();
        if (model is VisionTransformer vit) Check(vit.Config);
        _device = torch.device(Options.Device);
        _model = model.to(_device);
        _model.eval();
        foreach (var parameter in _model.parameters()) parameter.requires_grad = false;
        _type = _model.parameters().FirstOrDefault(parameter => parameter.is_floating_point())?.dtype ?? ScalarType.Float32;
    }

    /// <summary>What decides the predictions.</summary>
    public PredictionSettings Settings { get; }

    /// <summary>How it works.</summary>
    public PredictorOptions Options { get; }

    /// <summary>The names of the outputs, in their order.</summary>
    public IReadOnlyList<string> Labels => Settings.Labels;

    /// <summary>Makes a predictor of a base model and an adapter, merged into the weights: a pass costs what the plain model's does. Prompts, which merge into nothing, stay as they are.</summary>
    /// <param name="model">The model that the adapter was trained on, with the same weights; it belongs to the predictor from now on.</param>
    /// <param name="folder">The adapter's folder, as <see cref="LoraAdapter.Save"/> has written it.</param>
    /// <param name="settings">
    /// Labels, preparation, calibration; if null, those of the file <see cref="PredictionSettings.FileName"/> in the folder. Where there is none, the labels are <see cref="LoraAdapter.Labels"/>,
    /// the size and channels those of a <see cref="VisionTransformer"/>, and the rest is at its defaults: pixels as MRM's.
    /// </param>
    /// <param name="options">How it works; the defaults if null.</param>
    /// <exception cref="LoraException">The adapter does not fit the model.</exception>
    /// <exception cref="CheckpointException">The adapter, or the settings beside it, cannot be read.</exception>
    /// <exception cref="ArgumentException">Model and settings do not fit.</exception>
    public static Predictor Load(nn.Module<Tensor, Tensor> model, string folder, PredictionSettings? settings = null, PredictorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (settings is null && File.Exists(Path.Combine(folder, PredictionSettings.FileName))) settings = PredictionSettings.Load(folder);
        var lora = model.LoadAdapter(folder, new LoadOptions { Labels = settings?.Labels });
        settings ??= Settled(lora.Labels, model, folder);
        if (model.modules().OfType<AdapterLayer>().All(layer => layer.MergeObstacle is null)) lora.MergeAndRemove();
        return new Predictor(model, settings, options);
    }

    private static PredictionSettings Settled(IReadOnlyList<string>? labels, nn.Module model, string adapter)
    {
        // Without labels, the reader's own words on the missing file.
        if (labels is null) return PredictionSettings.Load(adapter);
        var settings = new PredictionSettings { Labels = labels };
        return model is VisionTransformer { Config: var config } ? settings with { ImageSize = config.ImageSize, Channels = config.Channels } : settings;
    }

    /// <summary>Frees the model, unless it was to be left open.</summary>
    public void Dispose()
    {
        if (!_leaveOpen) _model.Dispose();
        NativeHeap.Trim();
    }

    private float[] Logits(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var logits = _model.call(images.to(_device).to(_type)).to(ScalarType.Float32).cpu().contiguous();
        if (logits.dim() != 2 || logits.shape[0] != images.shape[0] || logits.shape[1] != Labels.Count)
        {
            throw new ArgumentException(
                $"The model returned [{string.Join(", ", logits.shape)}] for {images.shape[0]} images; {Labels.Count} labels need [{images.shape[0]}, {Labels.Count}]. "
                + "Name each output of the model in Labels.");
        }

        return logits.data<float>().ToArray();
    }

    private ImagePrediction Row(string name, ReadOnlySpan<float> logits)
    {
        var probabilities = Calibration.Sigmoid(logits, Settings.Temperature);
        var called = new bool?[probabilities.Length];
        for (var k = 0; k < called.Length; k++) called[k] = _thresholds[k] is { } threshold ? probabilities[k] >= threshold : null;
        return new ImagePrediction { Name = name, Logits = logits.ToArray(), Probabilities = probabilities, Called = called, Problem = null };
    }

    private void Check(ViTConfig config)
    {
        if (config.Outputs != Labels.Count)
            throw new ArgumentException($"The model has {config.Outputs} outputs and the settings name {Labels.Count} labels; name each output once, in the order of the training set's labels.");
        if (config.ImageSize != Settings.ImageSize || config.Channels != Settings.Channels)
        {
            throw new ArgumentException(
                $"The model takes {config.Channels}x{config.ImageSize}x{config.ImageSize} and the settings prepare {Settings.Channels}x{Settings.ImageSize}x{Settings.ImageSize}. "
                + "Give both the same ImageSize and Channels.");
        }
    }
}
